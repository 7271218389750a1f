//! A store's line to the world: a TCP proxy that can be cut, delayed and throttled, and counts what passes.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use super::door::Door;
use super::pump::{Way, pump};

/// How a line fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Connections die with a reset, and new ones are refused: a cable pulled at the router.
    Reset,
    /// Nothing gets through and nobody is told: a radio link in fog. Bytes on the way arrive when it is over, if the
    /// ends have not given up by then. A new connection is taken and hears nothing.
    Swallow,
}

/// What the line does to bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Condition {
    pub cut: Option<Cut>,
    pub latency: Duration,
    pub bits_per_second: Option<u64>,
    /// Resets so far: a connection dies by one that was over before it could look.
    pub resets: u64,
}

/// What has passed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes from the side that connects, the edge, to the target.
    pub bytes_up: u64,
    /// Bytes from the target to the edge.
    pub bytes_down: u64,
    /// Connections that were made through it.
    pub connections: u64,
}

#[derive(Default)]
pub(super) struct Meter {
    pub up: Way,
    pub down: Way,
}

/// A line. Clones are the same line; it ends with the last of them.
#[derive(Clone)]
pub struct Line {
    address: SocketAddr,
    condition: Arc<watch::Sender<Condition>>,
    meter: Arc<Meter>,
    _task: Arc<AbortOnDropHandle<()>>,
}

impl Line {
    /// Lays a line to `target`; connect to [`Line::address`] instead.
    pub fn lay(target: SocketAddr) -> io::Result<Self> {
        let door = Door::open_at(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let address = door.address();
        let (condition, watched) = watch::channel(Condition::default());
        let meter = Arc::new(Meter::default());
        let task = tokio::spawn(run(door, target, watched, meter.clone()));
        let task = Arc::new(AbortOnDropHandle::new(task));
        Ok(Self { address, condition: Arc::new(condition), meter, _task: task })
    }

    /// Where to connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts it.
    pub fn cut(&self, cut: Cut) {
        self.condition.send_modify(|condition| {
            condition.cut = Some(cut);
            condition.resets += u64::from(cut == Cut::Reset);
        });
    }

    /// Mends it.
    pub fn restore(&self) {
        self.condition.send_modify(|condition| condition.cut = None);
    }

    /// How it is cut, if it is.
    pub fn cut_now(&self) -> Option<Cut> {
        self.condition.borrow().cut
    }

    /// Every byte arrives this much later, in both directions.
    pub fn set_latency(&self, latency: Duration) {
        self.condition.send_modify(|condition| condition.latency = latency);
    }

    /// So many bits a second at most in each direction, shared by all connections; `None` for no limit.
    pub fn set_rate(&self, bits_per_second: Option<u64>) {
        self.condition.send_modify(|condition| condition.bits_per_second = bits_per_second);
    }

    /// What has passed since the line was laid.
    pub fn traffic(&self) -> Traffic {
        Traffic {
            bytes_up: self.meter.up.bytes(),
            bytes_down: self.meter.down.bytes(),
            connections: self.meter.up.connections(),
        }
    }
}

async fn run(
    mut door: Door,
    target: SocketAddr,
    mut condition: watch::Receiver<Condition>,
    meter: Arc<Meter>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            changed = condition.changed() => {
                if changed.is_err() {
                    return;
                }
                let is_shut = condition.borrow_and_update().cut == Some(Cut::Reset);
                let moved = if is_shut { door.shut() } else { door.open() };
                if let Err(error) = moved {
                    tracing::error!(%error, "a virtual line could not change its port");
                }
            }
            stream = door.accept() => {
                connections.spawn(carry(stream, target, condition.clone(), meter.clone()));
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

/// One connection, to its end.
async fn carry(
    mut near: TcpStream,
    target: SocketAddr,
    mut condition: watch::Receiver<Condition>,
    meter: Arc<Meter>,
) {
    let mut watched = condition.clone();
    let resets = condition.borrow().resets;
    let mut far = tokio::select! {
        far = connect(target, &mut condition) => match far {
            Ok(far) => far,
            // The near side sees the connection end, as it would see the target refuse.
            Err(_) => return reset(&near),
        },
        () = is_reset(&mut watched, resets) => return reset(&near),
    };
    let _ = near.set_nodelay(true);
    let _ = far.set_nodelay(true);
    meter.up.count_connection();
    let was_reset = {
        let (near_read, near_write) = near.split();
        let (far_read, far_write) = far.split();
        tokio::select! {
            _ = async {
                tokio::try_join!(
                    pump(near_read, far_write, &meter.up, condition.clone()),
                    pump(far_read, near_write, &meter.down, condition.clone()),
                )
            } => false,
            () = is_reset(&mut watched, resets) => true,
        }
    };
    if was_reset {
        reset(&near);
        reset(&far);
    }
}

async fn connect(target: SocketAddr, condition: &mut watch::Receiver<Condition>) -> io::Result<TcpStream> {
    // An error means that the line itself is gone, and then this task is as well.
    let _ = condition.wait_for(|condition| condition.cut.is_none()).await;
    TcpStream::connect(target).await
}

/// Ends when the line has been reset since it had been so many times.
async fn is_reset(condition: &mut watch::Receiver<Condition>, before: u64) {
    if condition.wait_for(|condition| condition.resets > before).await.is_err() {
        std::future::pending().await
    }
}

/// Makes the close that follows a reset rather than an orderly end.
fn reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}
