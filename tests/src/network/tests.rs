//! The line as its two ends see it.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::*;

const SOON: Duration = Duration::from_secs(5);
const QUIET: Duration = Duration::from_millis(150);

/// A target that sends back whatever it gets.
async fn echo() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                tokio::io::copy(&mut read, &mut write).await
            });
        }
    });
    address
}

async fn say(stream: &mut TcpStream, text: &str) -> std::io::Result<String> {
    stream.write_all(text.as_bytes()).await?;
    let mut back = vec![0; text.len()];
    stream.read_exact(&mut back).await?;
    Ok(String::from_utf8_lossy(&back).into_owned())
}

#[tokio::test]
async fn bytes_pass_and_are_counted_each_way() {
    let line = Line::lay(echo().await).unwrap();
    let mut stream = TcpStream::connect(line.address()).await.unwrap();
    assert_eq!(say(&mut stream, "hello").await.unwrap(), "hello");
    assert_eq!(line.traffic(), Traffic { bytes_up: 5, bytes_down: 5, connections: 1 });
}

#[tokio::test]
async fn an_orderly_end_passes_through_with_all_that_was_said_before() {
    let line = Line::lay(echo().await).unwrap();
    let mut stream = TcpStream::connect(line.address()).await.unwrap();
    let sent = vec![7; 300_000];
    let (mut read, mut write) = stream.split();
    let write = async {
        write.write_all(&sent).await.unwrap();
        write.shutdown().await.unwrap();
    };
    let mut back = Vec::new();
    let (_, length) = tokio::join!(write, read.read_to_end(&mut back));
    assert_eq!(length.unwrap(), sent.len());
}

#[tokio::test]
async fn cut_by_reset_connections_die_and_new_ones_are_refused() {
    let line = Line::lay(echo().await).unwrap();
    let mut stream = TcpStream::connect(line.address()).await.unwrap();
    say(&mut stream, "hello").await.unwrap();
    line.cut(Cut::Reset);
    assert!(timeout(SOON, stream.read(&mut [0; 8])).await.unwrap().is_err());
    tokio::time::sleep(QUIET).await;
    let refused = TcpStream::connect(line.address()).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    line.restore();
    tokio::time::sleep(QUIET).await;
    let mut stream = TcpStream::connect(line.address()).await.unwrap();
    assert_eq!(say(&mut stream, "again").await.unwrap(), "again");
}

#[tokio::test]
async fn a_flapping_line_kills_connections_and_lets_new_ones_in() {
    let line = Line::lay(echo().await).unwrap();
    let mut stream = TcpStream::connect(line.address()).await.unwrap();
    say(&mut stream, "hello").await.unwrap();
    line.cut(Cut::Reset);
    line.restore();
    assert!(timeout(SOON, stream.read(&mut [0; 8])).await.unwrap().is_err());
    let mut stream = TcpStream::connect(line.address()).await.unwrap();
    assert_eq!(say(&mut stream, "again").await.unwrap(), "again");
}

#[tokio::test]
async fn cut_by_swallowing_nothing_is_heard_until_it_is_mended() {
    let line = Line::lay(echo().await).unwrap();
    let mut old = TcpStream::connect(line.address()).await.unwrap();
    say(&mut old, "hello").await.unwrap();
    line.cut(Cut::Swallow);
    assert!(timeout(QUIET, say(&mut old, "anybody")).await.is_err());
    let mut new = TcpStream::connect(line.address()).await.unwrap();
    assert!(timeout(QUIET, say(&mut new, "there?")).await.is_err());
    assert_eq!(line.traffic().bytes_up, 5);
    line.restore();
    let mut late = [0; 7];
    timeout(SOON, old.read_exact(&mut late)).await.unwrap().unwrap();
    assert_eq!(&late, b"anybody");
    let mut late = [0; 6];
    timeout(SOON, new.read_exact(&mut late)).await.unwrap().unwrap();
    assert_eq!(&late, b"there?");
}

#[tokio::test]
async fn latency_delays_without_limiting_what_is_under_way() {
    let line = Line::lay(echo().await).unwrap();
    line.set_latency(Duration::from_millis(100));
    let mut stream = TcpStream::connect(line.address()).await.unwrap();
    let begun = Instant::now();
    assert_eq!(say(&mut stream, &"x".repeat(50_000)).await.unwrap().len(), 50_000);
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(200), "{took:?}");
    assert!(took < Duration::from_millis(1_500), "{took:?}");
}

#[tokio::test]
async fn a_rate_is_shared_by_all_connections() {
    let line = Line::lay(echo().await).unwrap();
    line.set_rate(Some(400_000));
    let mut first = TcpStream::connect(line.address()).await.unwrap();
    let mut second = TcpStream::connect(line.address()).await.unwrap();
    let text = "x".repeat(10_000);
    let begun = Instant::now();
    let (first, second) = tokio::join!(say(&mut first, &text), say(&mut second, &text));
    assert_eq!((first.unwrap().len(), second.unwrap().len()), (10_000, 10_000));
    // 20,000 bytes at 50,000 a second, in each direction at the same time.
    assert!(begun.elapsed() >= Duration::from_millis(380), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_target_that_refuses_ends_the_connection() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let line = Line::lay(gone).unwrap();
    let mut stream = TcpStream::connect(line.address()).await.unwrap();
    let end = timeout(SOON, stream.read(&mut [0; 8])).await.unwrap();
    assert!(matches!(end, Ok(0) | Err(_)));
}
