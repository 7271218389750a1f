//! A printer on TCP that does what a test says: enough of a Zebra to tell a worker's mistakes.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

/// What the printer does, and what has happened to it.
#[derive(Debug, Default)]
pub struct Script {
    /// Says nothing, as with the head open.
    pub silent: bool,
    /// Says in its status that paper is out (as models with a take-up sensor do).
    pub paper_out: bool,
    /// Keeps labels in its buffer instead of printing them.
    pub holds: bool,
    /// Answers the odometer question.
    pub counts: bool,
    /// Cuts the line after this many bytes of labels.
    pub cut_after: Option<usize>,
    /// Labels that came out.
    pub printed: Vec<Vec<u8>>,
    /// Labels in the buffer.
    pub buffer: Vec<Vec<u8>>,
    /// Labels of earlier days.
    pub odometer_start: u64,
    /// Connections taken.
    pub connections: usize,
    /// Bytes of labels that came.
    pub label_bytes: usize,
}

#[derive(Clone)]
pub struct ScriptedPrinter {
    pub address: SocketAddr,
    script: Arc<Mutex<Script>>,
}

impl ScriptedPrinter {
    pub fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let printer = Self { address: listener.local_addr().unwrap(), script: Arc::new(Mutex::new(script)) };
        let serving = printer.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                serving.script().connections += 1;
                let serving = serving.clone();
                thread::spawn(move || serving.serve(stream));
            }
        });
        printer
    }

    pub fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap()
    }

    /// Prints what is in the buffer and goes on.
    pub fn release(&self) {
        let mut script = self.script();
        script.holds = false;
        script.silent = false;
        script.paper_out = false;
        let held = std::mem::take(&mut script.buffer);
        script.printed.extend(held);
    }

    fn serve(&self, mut stream: TcpStream) {
        let mut pending = Vec::new();
        let mut piece = [0; 512];
        while let Ok(length @ 1..) = stream.read(&mut piece) {
            for byte in &piece[..length] {
                pending.push(*byte);
                if !self.take(&mut pending, &mut stream) {
                    let _ = stream.shutdown(Shutdown::Both);
                    return;
                }
            }
        }
    }

    /// Takes a request or label that is complete; false cuts the line.
    fn take(&self, pending: &mut Vec<u8>, stream: &mut TcpStream) -> bool {
        let mut script = self.script();
        if pending.ends_with(b"~HS\r\n") {
            pending.clear();
            if !script.silent {
                let answer = status(&script);
                return stream.write_all(answer.as_bytes()).is_ok();
            }
        } else if pending.ends_with(b"\"odometer.total_label_count\"\r\n") {
            pending.clear();
            if script.counts && !script.silent {
                let count = script.odometer_start + script.printed.len() as u64;
                return stream.write_all(format!("\"{count}\"").as_bytes()).is_ok();
            }
        } else if pending.starts_with(b"^XA") {
            script.label_bytes += 1;
            if script.cut_after.is_some_and(|limit| script.label_bytes > limit) {
                return false;
            }
            if pending.ends_with(b"^XZ") {
                let label = std::mem::take(pending);
                if script.holds { script.buffer.push(label) } else { script.printed.push(label) }
            }
        }
        true
    }
}

fn status(script: &Script) -> String {
    let (paper, buffered) = (u8::from(script.paper_out), script.buffer.len());
    format!(
        "\u{2}030,{paper},0,1218,{buffered:03},0,0,0,000,0,0,0\u{3}\r\n\
         \u{2}000,0,0,0,0,2,4,0,{buffered:08},1,000\u{3}\r\n\u{2}1234,0\u{3}\r\n"
    )
}
