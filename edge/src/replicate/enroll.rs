//! How an appliance joins: once per install, over the hub's HTTP interface, with a token that works once. The answer
//! is kept, and the hub's HTTP interface is never needed again.

use std::time::Duration;

use outpost_config::HubLink;
use outpost_sync::{Identity, PublicIdentity};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::state::AppState;
use crate::store::identity::{self, Enrollment};
use crate::write::{Answer, Job};

const RETRY_MIN: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(30);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of a site's secret.
const SECRET_BYTES: usize = 32;

/// Why the hub did not let this appliance in.
#[derive(Debug, thiserror::Error)]
pub enum EnrollError {
    /// The hub cannot be reached.
    #[error("the hub cannot be asked to let this appliance in")]
    Unreachable(#[source] reqwest::Error),
    /// It said no.
    #[error("the hub does not let this appliance in: {0}")]
    Refused(String),
    /// Its answer cannot be used.
    #[error("the hub's answer cannot be used: {0}")]
    BadAnswer(&'static str),
    /// Its answer could not be kept.
    #[error("the hub's answer could not be kept")]
    NotKept,
}

#[derive(Serialize)]
struct Request<'a> {
    token: &'a str,
    install: String,
    public_key: String,
}

/// The enrollment: the one that is kept, or a new one as soon as the hub gives it. Nothing when the daemon ends first.
pub async fn enrolled(
    state: &AppState,
    identity: &Identity,
    token: &CancellationToken,
) -> Result<Option<(Enrollment, PublicIdentity)>, crate::store::query::ReadError> {
    let mut pause = RETRY_MIN;
    let mut told = false;
    loop {
        if let Some(kept) = state.readers.read(identity::enrollment).await? {
            match check(&kept, &state.settings.hub) {
                Ok(hub) => return Ok(Some((kept, hub))),
                Err(error) => tracing::error!(%error, "the enrollment that is kept cannot be used"),
            }
        }
        match ask(state, identity).await {
            Ok(true) => continue,
            Ok(false) if told => {}
            Ok(false) => tracing::warn!("not enrolled, and no enroll_url and enroll_token are set"),
            Err(error) => tracing::warn!(error = %outpost_daemon::causes(&error), "not enrolled yet"),
        }
        told = true;
        tokio::select! {
            () = token.cancelled() => return Ok(None),
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(RETRY_MAX),
        }
    }
}

/// Asks the hub and keeps its answer; false when nobody said whom to ask.
async fn ask(state: &AppState, identity: &Identity) -> Result<bool, EnrollError> {
    let HubLink { enroll_url: Some(url), enroll_token: Some(token), .. } = &state.settings.hub else {
        return Ok(false);
    };
    let public = identity.public().to_bytes();
    let request = Request {
        token: token.expose(),
        install: hex::encode(&public[..16]),
        public_key: hex::encode(&public[16..]),
    };
    let address = format!("{}/v1/sites/{}/enroll", url.trim_end_matches('/'), state.site.id);
    let client =
        reqwest::Client::builder().timeout(ANSWER_TIMEOUT).build().map_err(EnrollError::Unreachable)?;
    let answer = client.post(address).json(&request).send().await.map_err(EnrollError::Unreachable)?;
    if !answer.status().is_success() {
        let status = answer.status();
        let said: serde_json::Value = answer.json().await.unwrap_or_default();
        let code = said["code"].as_str().unwrap_or("no code").chars().take(80).collect::<String>();
        return Err(EnrollError::Refused(format!("{status} ({code})")));
    }
    let enrollment: Enrollment = answer.json().await.map_err(EnrollError::Unreachable)?;
    check(&enrollment, &state.settings.hub)?;
    match state.writer.submit_patiently(Job::Enrolled(enrollment)).await {
        Ok(Answer::Done) => Ok(true),
        _ => Err(EnrollError::NotKept),
    }
}

/// The hub's identity in an enrollment, when all of it can be used and the key is the one that was pinned.
fn check(enrollment: &Enrollment, pinned: &HubLink) -> Result<PublicIdentity, EnrollError> {
    let hub = PublicIdentity::from_hex(&enrollment.hub_public_key)
        .map_err(|_| EnrollError::BadAnswer("its public key is not 96 hexadecimal digits of an identity"))?;
    let secret = enrollment.secret().filter(|secret| secret.len() == SECRET_BYTES);
    secret.ok_or(EnrollError::BadAnswer("the site's secret is not 32 bytes in base64"))?;
    if pinned.public_key.as_ref().is_some_and(|key| *key != hub.to_hex()[32..]) {
        return Err(EnrollError::BadAnswer("its public key is not the one in hub.public_key"));
    }
    Ok(hub)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub() -> (PublicIdentity, Enrollment) {
        let identity = Identity::generate(&mut rand::rng()).public();
        let enrollment = Enrollment {
            hub_public_key: identity.to_hex(),
            site_secret: "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=".to_owned(),
            epoch: 1,
            shard: "s0".to_owned(),
        };
        (identity, enrollment)
    }

    fn pin(key: Option<String>) -> HubLink {
        HubLink { enroll_url: None, enroll_token: None, public_key: key }
    }

    #[test]
    fn an_enrollment_is_used_only_with_a_whole_key_and_secret() {
        let (identity, enrollment) = hub();
        assert_eq!(check(&enrollment, &pin(None)).unwrap(), identity);
        let short = Enrollment { site_secret: "c2hvcnQ=".to_owned(), ..enrollment.clone() };
        assert!(check(&short, &pin(None)).is_err());
        let no_key = Enrollment { hub_public_key: "00".to_owned(), ..enrollment };
        assert!(check(&no_key, &pin(None)).is_err());
    }

    #[test]
    fn another_hub_than_the_pinned_one_is_refused() {
        let (identity, enrollment) = hub();
        let own = identity.to_hex()[32..].to_owned();
        assert!(check(&enrollment, &pin(Some(own))).is_ok());
        assert!(check(&enrollment, &pin(Some("ab".repeat(32)))).is_err());
    }
}
