//! What carriers say of parcels.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use outpost_daemon::Problem;
use outpost_daemon::extract::Json;
use serde::Deserialize;

use super::auth;
use super::problem::verdict;
use crate::Hub;
use crate::app::observe;

/// A carrier's word about a parcel.
#[derive(Debug, Clone, Deserialize)]
pub struct Observation {
    /// Its tracking number.
    pub tracking: String,
    /// What, such as `delivered`.
    pub fact: String,
}

/// Takes in an observation. Needs the operators' or the carrier's token where one is set.
pub async fn observe(
    State(hub): State<Hub>,
    headers: HeaderMap,
    Json(observation): Json<Observation>,
) -> Result<StatusCode, Problem> {
    let settings = &hub.settings;
    let tokens = [settings.api.token.as_ref(), settings.carrier.token.as_ref()];
    let mut set = tokens.into_iter().flatten().peekable();
    if set.peek().is_some() && !set.any(|token| auth::carries(&headers, token.expose())) {
        return Err(auth::denied());
    }
    let key = observation.tracking.clone();
    let outcome = hub
        .writer
        .run(key, move |unit| {
            let observation = observation.clone();
            Box::pin(async move { observe::observe(unit, &observation.tracking, &observation.fact).await })
        })
        .await;
    verdict(outcome).map(|()| StatusCode::NO_CONTENT)
}
