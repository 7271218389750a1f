//! `GET /v1/events`: what changed, as ids; a screen reads again what it shows.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::stream::{self, Stream};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use crate::state::AppState;
use crate::write::News;

/// How often a quiet stream shows that it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Streams news until the client goes or the daemon ends. A client that is too slow hears `lagged` and reads
/// everything again.
pub async fn events(State(state): State<AppState>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let news = (state.writer.news(), state.shutdown.clone());
    let stream = stream::unfold(news, |(mut news, shutdown)| async move {
        let event = next(&mut news, &shutdown).await?;
        Some((Ok(event), (news, shutdown)))
    });
    Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

async fn next(news: &mut Receiver<News>, shutdown: &CancellationToken) -> Option<Event> {
    let heard = tokio::select! {
        () = shutdown.cancelled() => return None,
        heard = news.recv() => heard,
    };
    match heard {
        Ok(news) => Some(event(&news)),
        Err(RecvError::Lagged(missed)) => Some(Event::default().event("lagged").data(missed.to_string())),
        Err(RecvError::Closed) => None,
    }
}

fn event(news: &News) -> Event {
    let (name, id) = match news {
        News::Case(case) => ("case", case.to_string()),
        News::Stock(sku) => ("stock", sku.to_string()),
        News::Device(device) => ("device", device.clone()),
        News::Exception(code) => ("exception", code.clone()),
        News::Day => ("day", String::from("today")),
        News::Sync => ("sync", String::from("line")),
    };
    Event::default().event(name).data(id)
}
