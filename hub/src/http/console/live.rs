//! News for open pages: ids only, a page decides by itself whether to read again.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;

use crate::Hub;
use crate::wake::News;

/// The stream of news. Who is too slow is told to read everything again.
pub async fn events(State(hub): State<Hub>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let news = BroadcastStream::new(hub.wakers.news.subscribe()).map(|news| Ok(event(news)));
    Sse::new(news).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}

fn event(news: Result<News, BroadcastStreamRecvError>) -> Event {
    let (kind, id) = match news {
        Ok(News::Order(id)) => ("order", id.to_string()),
        Ok(News::Case(id)) => ("case", id.to_string()),
        Ok(News::Site(id)) => ("site", id.to_string()),
        Ok(News::Exceptions) => ("exceptions", String::new()),
        Err(BroadcastStreamRecvError::Lagged(_)) => ("all", String::new()),
    };
    // An event without data is dropped by browsers.
    Event::default().event(kind).data(if id.is_empty() { "-".to_owned() } else { id })
}
