//! A workbench whose writer has become a thread and whose API answers, in one process and without a socket.

use std::sync::Arc;

use axum::Router;
use outpost_config::{EdgeSettings, SourceText, resolve};
use outpost_daemon::Clock;
use tokio_util::sync::CancellationToken;

use super::bench::Bench;
use crate::device::Desk;
use crate::moment::Moment;
use crate::replicate::LineStatus;
use crate::state::AppState;
use crate::store::query::Readers;
use crate::write::{FateUnknown, Work, Writer, WriterOptions};

/// A site that is served. Its writer ends with it.
pub struct Served {
    /// What handlers share.
    pub state: AppState,
}

/// A site whose writer has not begun: what is asked of it waits in the queue.
pub struct Stalled {
    /// What handlers share.
    pub state: AppState,
    /// What the writer's thread would run.
    pub work: Work,
}

impl Served {
    /// Starts the writer of a workbench whose clock shows the system's time. Call it inside a runtime.
    pub fn start(bench: Bench) -> Self {
        let Stalled { state, work } = Stalled::new(bench, 4_096);
        let (runtime, token) = (tokio::runtime::Handle::current(), state.shutdown.clone());
        std::thread::spawn(move || work.run(&runtime, &token));
        Self { state }
    }

    /// The API.
    pub fn api(&self) -> Router {
        crate::http::api(self.state.clone())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.state.shutdown.cancel();
    }
}

impl Stalled {
    /// A site with a queue of this length and nobody behind it.
    pub fn new(bench: Bench, queue_max: usize) -> Self {
        let site = bench.core.site().clone();
        let folder = site.database.parent().expect("a folder").display().to_string();
        let text = format!(
            "[site]\nid = {:?}\nname = \"Berlin\"\n[data]\ndirectory = {folder:?}\n",
            site.id.as_str()
        );
        let file = SourceText { name: "bench.toml", text: &text };
        let settings = resolve::<EdgeSettings>(Some(file), []).expect("settings within limits").settings;
        let clock = Clock::system().expect("the system's clocks");
        let options = WriterOptions { group_max: 64, queue_max };
        let (writer, work) = Writer::new(bench.core, bench.ids, clock.clone(), options, stop);
        let readers = Readers::new(&site.database);
        let desk = Desk::new(writer.clone(), readers.clone(), clock.clone(), []);
        let state = AppState {
            writer,
            readers,
            desk,
            site: Arc::new(site),
            settings: Arc::new(settings),
            clock,
            line: LineStatus::default(),
            shutdown: CancellationToken::new(),
        };
        Self { state, work }
    }
}

fn stop(fate: &FateUnknown) {
    panic!("{fate}");
}

/// Now, as the daemon would read it.
pub fn system_now() -> Moment {
    Moment::read(&Clock::system().expect("the system's clocks"))
}
