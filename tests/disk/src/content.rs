//! Where the bytes of a file lie: in memory, or in a real file.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

#[derive(Debug)]
pub(crate) enum Content {
    Memory(Vec<u8>),
    File(File),
}

impl Content {
    pub fn len(&self) -> io::Result<u64> {
        match self {
            Self::Memory(bytes) => Ok(bytes.len() as u64),
            Self::File(file) => file.metadata().map(|metadata| metadata.len()),
        }
    }

    /// How many bytes there were to read.
    pub fn read(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        match self {
            Self::Memory(bytes) => {
                let from = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                let count = into.len().min(bytes.len() - from);
                into[..count].copy_from_slice(&bytes[from..from + count]);
                Ok(count)
            }
            Self::File(file) => {
                let mut read = 0;
                while read < into.len() {
                    match file.read_at(&mut into[read..], offset + read as u64)? {
                        0 => break,
                        more => read += more,
                    }
                }
                Ok(read)
            }
        }
    }

    pub fn write(&mut self, part: &[u8], offset: u64) -> io::Result<()> {
        match self {
            Self::Memory(bytes) => {
                let from = usize::try_from(offset).map_err(io::Error::other)?;
                let end = from + part.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[from..end].copy_from_slice(part);
                Ok(())
            }
            Self::File(file) => file.write_all_at(part, offset),
        }
    }

    pub fn resize(&mut self, size: u64) -> io::Result<()> {
        match self {
            Self::Memory(bytes) => {
                bytes.resize(usize::try_from(size).map_err(io::Error::other)?, 0);
                Ok(())
            }
            Self::File(file) => file.set_len(size),
        }
    }

    pub fn sync(&self) -> io::Result<()> {
        match self {
            Self::Memory(_) => Ok(()),
            Self::File(file) => file.sync_data(),
        }
    }
}
