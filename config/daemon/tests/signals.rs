//! Signals reach the process as a whole, so these tests have a process of their own.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::process::Command;
use std::time::Duration;

use outpost_daemon::{Supervisor, asked_to_end, watch_file};

fn send(signal: &str) {
    let status = Command::new("kill").args([signal, &std::process::id().to_string()]).status().unwrap();
    assert!(status.success());
}

#[tokio::test]
async fn hangup_reads_the_file_at_once_and_termination_ends_the_daemon() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rules.toml");
    std::fs::write(&path, "rules").unwrap();
    let supervisor = Supervisor::new();
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let rarely = Duration::from_secs(3600);
    supervisor.spawn(
        "rules",
        watch_file(path, rarely, supervisor.token(), move |text| tell.send(text.unwrap()).unwrap()),
    );
    let ended = tokio::spawn(async { asked_to_end().await.unwrap() });
    let running = tokio::spawn(supervisor.run(async { ended.await.unwrap() }, Duration::from_secs(5)));

    assert_eq!(told.recv().await.unwrap(), "rules", "at the start");
    send("-HUP");
    assert_eq!(told.recv().await.unwrap(), "rules", "although nothing changed");
    send("-TERM");
    running.await.unwrap().unwrap();
}
