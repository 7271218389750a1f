//! A listening port that can be shut without being lost.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};

const BACKLOG: u32 = 128;
/// Wait after a failed accept: it means that the process is out of file handles.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(50);

enum State {
    Open(TcpListener),
    /// Bound and not listening: the system refuses whoever connects, and nobody else can take the port.
    Shut(TcpSocket),
    Lost,
}

/// A port that answers, or refuses.
pub struct Door {
    address: SocketAddr,
    state: State,
}

fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

impl Door {
    /// Opens a port; with port 0 the system chooses one.
    pub fn open_at(address: SocketAddr) -> io::Result<Self> {
        let listener = bind(address)?.listen(BACKLOG)?;
        Ok(Self { address: listener.local_addr()?, state: State::Open(listener) })
    }

    /// The real address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on whoever connects is refused.
    pub fn shut(&mut self) -> io::Result<()> {
        if matches!(self.state, State::Shut(_)) {
            return Ok(());
        }
        // The listener must be gone before the port can be bound again.
        self.state = State::Lost;
        self.state = State::Shut(bind(self.address)?);
        Ok(())
    }

    /// From now on whoever connects is let in.
    pub fn open(&mut self) -> io::Result<()> {
        let socket = match std::mem::replace(&mut self.state, State::Lost) {
            State::Open(listener) => {
                self.state = State::Open(listener);
                return Ok(());
            }
            State::Shut(socket) => socket,
            State::Lost => bind(self.address)?,
        };
        self.state = State::Open(socket.listen(BACKLOG)?);
        Ok(())
    }

    /// The next connection; none for as long as the door is shut.
    pub async fn accept(&mut self) -> TcpStream {
        loop {
            let State::Open(listener) = &self.state else { return std::future::pending().await };
            match listener.accept().await {
                Ok((stream, _)) => return stream,
                Err(error) => {
                    tracing::warn!(%error, "a virtual device could not accept a connection");
                    tokio::time::sleep(ACCEPT_AGAIN_AFTER).await;
                }
            }
        }
    }
}
