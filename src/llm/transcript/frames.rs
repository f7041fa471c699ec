//! Complete zstd frames, one after another in a file.
//!
//! Frames are independent and checksummed, so the file is an ordinary `.zst`
//! (`zstdcat` reads it) and a process that is killed while writing spoils at
//! most the last frame.

use crate::error::{Error, Result};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

const LEVEL: i32 = 9;

/// First bytes of every zstd frame.
const MAGIC: [u8; 4] = 0xFD2F_B528_u32.to_le_bytes();

/// Compresses `bytes` into one frame and appends it to `file`, down to the disk.
pub(super) fn append(file: &mut File, bytes: &[u8]) -> io::Result<u64> {
    let mut frame = zstd::Encoder::new(Vec::new(), LEVEL)?;
    frame.include_checksum(true)?;
    frame.set_pledged_src_size(Some(bytes.len() as u64))?;
    frame.write_all(bytes)?;
    let frame = frame.finish()?;
    file.write_all(&frame)?;
    file.sync_data()?;
    Ok(frame.len() as u64)
}

/// What a file of frames holds.
pub(super) struct Frames {
    /// The content of all good frames, in order.
    pub(super) content: Vec<u8>,
    /// Bytes of the file up to the end of the last good frame.
    pub(super) good: u64,
    /// Bytes after that: a frame that was not written to its end.
    pub(super) torn: u64,
}

/// Reads all frames of `bytes`, the content of the file `path`.
///
/// # Errors
/// A damaged frame with good frames after it: that is not a torn tail.
pub(super) fn read(path: &Path, bytes: &[u8]) -> Result<Frames> {
    let mut content = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match frame(&bytes[at..]) {
            Some((length, frame)) => {
                content.extend_from_slice(&frame);
                at += length;
            }
            None if holds_frame(&bytes[at + 1..]) => {
                return Err(Error::io(
                    path,
                    format!("damaged: the frame at byte {at} cannot be read, but later ones can"),
                ));
            }
            None => break,
        }
    }
    Ok(Frames {
        content,
        good: at as u64,
        torn: (bytes.len() - at) as u64,
    })
}

/// The frame at the beginning of `bytes`: its length and its content.
fn frame(bytes: &[u8]) -> Option<(usize, Vec<u8>)> {
    if !bytes.starts_with(&MAGIC) {
        return None;
    }
    let length = zstd::zstd_safe::find_frame_compressed_size(bytes).ok()?;
    let content = zstd::decode_all(&bytes[..length]).ok()?;
    Some((length, content))
}

fn holds_frame(bytes: &[u8]) -> bool {
    bytes
        .windows(MAGIC.len())
        .enumerate()
        .any(|(at, window)| window == MAGIC && frame(&bytes[at..]).is_some())
}
