//! Bytes that are written once and sent many times: as they are, gzipped, and under a tag that changes with them.

use std::hash::{DefaultHasher, Hasher};
use std::io::Write;
use std::sync::{Arc, OnceLock};

use flate2::Compression;
use flate2::write::GzEncoder;

/// Smaller ones are not worth packing: with their head they are a packet or two either way.
const WORTH_PACKING: usize = 1024;
/// What comes of higher levels is a few percent, for several times the work.
const LEVEL: u32 = 5;

/// A document.
#[derive(Debug)]
pub struct Document {
    plain: Arc<[u8]>,
    packed: OnceLock<Option<Arc<[u8]>>>,
    tag: u64,
}

impl Document {
    /// Of these bytes; they are packed when that is asked for first.
    pub fn new(plain: impl Into<Arc<[u8]>>) -> Self {
        let plain = plain.into();
        let mut hasher = DefaultHasher::new();
        hasher.write(&plain);
        Self { plain, packed: OnceLock::new(), tag: hasher.finish() }
    }

    /// The same, packed now: whoever publishes pays, not whoever asks.
    #[must_use]
    pub fn packed_now(self) -> Self {
        self.gzip();
        self
    }

    /// The bytes.
    pub fn plain(&self) -> &Arc<[u8]> {
        &self.plain
    }

    /// The bytes gzipped, where that makes them smaller.
    pub fn gzip(&self) -> Option<&Arc<[u8]>> {
        let pack = || {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::new(LEVEL));
            let packed = encoder.write_all(&self.plain).and_then(|()| encoder.finish()).ok()?;
            (packed.len() < self.plain.len()).then(|| packed.into())
        };
        let packed = self.packed.get_or_init(|| if self.plain.len() < WORTH_PACKING { None } else { pack() });
        packed.as_ref()
    }

    /// Another tag, other bytes.
    pub fn tag(&self) -> u64 {
        self.tag
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn what_is_packed_is_the_same_and_small_things_stay_as_they_are() {
        let text = "prices, prices, prices. ".repeat(100);
        let document = Document::new(text.clone().into_bytes()).packed_now();
        let packed = document.gzip().unwrap();
        assert!(packed.len() < text.len() / 10);
        let mut unpacked = String::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut unpacked).unwrap();
        assert_eq!(unpacked, text);
        assert_eq!(Document::new(vec![b'x'; 1000]).gzip(), None);
        let noise: Vec<u8> = (0..5000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        assert!(Document::new(noise).gzip().is_none_or(|packed| packed.len() < 5000));
    }

    #[test]
    fn tags_follow_the_bytes() {
        let tag = |text: &str| Document::new(text.as_bytes().to_vec()).tag();
        assert_eq!(tag("a"), tag("a"));
        assert_ne!(tag("a"), tag("b"));
    }
}
