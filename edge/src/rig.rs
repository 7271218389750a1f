//! A site for tests: the real writer on its thread and a database in a folder that goes away.

use std::sync::Arc;

use outpost_config::{EdgeSettings, RulesHandle, SourceText, resolve};
use outpost_daemon::Clock;
use tokio_util::sync::CancellationToken;

use crate::device::Desk;
use crate::ids::Ids;
use crate::moment::Moment;
use crate::replicate::LineStatus;
use crate::site::Site;
use crate::state::AppState;
use crate::store;
use crate::store::query::Readers;
use crate::write::{Core, FateUnknown, Limits, Writer, WriterOptions};

/// A site whose daemon runs as long as this lives.
pub struct Rig {
    pub state: AppState,
    _folder: tempfile::TempDir,
}

impl Rig {
    /// A site `test-1` with the printer `packing`, which nobody drives. Needs a runtime.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "[site]\nid = \"test-1\"\nname = \"Test Street\"\ntime_zone = \"Europe/Berlin\"\n\
             [data]\ndirectory = {:?}\n[printers.packing]\naddress = \"127.0.0.1:9\"\n",
            folder.path().display().to_string()
        );
        let file = SourceText { name: "test.toml", text: &text };
        let settings = resolve::<EdgeSettings>(Some(file), []).unwrap().settings;
        let site = Site::new(&settings, RulesHandle::shipped().unwrap()).unwrap();
        let clock = Clock::system().unwrap();
        let database = site.database.clone();
        let conn = store::open(&database, Moment::read(&clock).wall).unwrap();
        let mut ids = Ids::seeded(7);
        let core = Core::open(conn, site.clone(), Limits::default(), &mut ids).unwrap();
        let options = WriterOptions { group_max: 64, queue_max: 1024 };
        let (writer, work) = Writer::new(core, ids, clock.clone(), options, fate_unknown);
        let runtime = tokio::runtime::Handle::current();
        let token = CancellationToken::new();
        let ends = token.clone();
        std::thread::spawn(move || work.run(&runtime, &ends));
        let readers = Readers::new(&database);
        let printers = [("packing".to_owned(), "127.0.0.1:9".to_owned())];
        let desk = Desk::new(writer.clone(), readers.clone(), clock.clone(), printers);
        let state = AppState {
            writer,
            readers,
            desk,
            site: Arc::new(site),
            settings: Arc::new(settings),
            clock,
            line: LineStatus::default(),
            shutdown: token,
        };
        Self { state, _folder: folder }
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.state.shutdown.cancel();
    }
}

fn fate_unknown(fate: &FateUnknown) {
    panic!("{fate}");
}
