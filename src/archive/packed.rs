//! Numbers and names in few bytes: each number takes as many bytes as it needs, seven bits a byte, small negative ones
//! too. What does not read back whole is nothing.

use crate::base::units::Micro;

/// Writes.
#[derive(Default)]
pub struct Packer(Vec<u8>);

impl Packer {
    /// What was written.
    pub fn done(self) -> Vec<u8> {
        self.0
    }

    /// Writes a number.
    pub fn put(&mut self, value: i64) {
        let mut rest = ((value << 1) ^ (value >> 63)) as u64;
        while rest >= 0x80 {
            self.0.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.0.push(rest as u8);
    }

    /// Writes an amount.
    pub fn micro(&mut self, value: Micro) {
        self.put(value.0);
    }

    /// Writes a name.
    pub fn text(&mut self, text: &str) {
        self.put(text.len() as i64);
        self.0.extend_from_slice(text.as_bytes());
    }
}

/// Reads what a [`Packer`] wrote, in the same order.
pub struct Unpacker<'a>(pub &'a [u8]);

impl Unpacker<'_> {
    /// Reads a number.
    pub fn get(&mut self) -> Option<i64> {
        let (mut value, mut shift) = (0_u64, 0);
        loop {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some((value >> 1) as i64 ^ -((value & 1) as i64));
            }
            shift += 7;
        }
    }

    /// Reads a count.
    pub fn count(&mut self) -> Option<u32> {
        u32::try_from(self.get()?).ok()
    }

    /// Reads an amount.
    pub fn micro(&mut self) -> Option<Micro> {
        self.get().map(Micro)
    }

    /// Reads a name.
    pub fn text(&mut self) -> Option<String> {
        let length = usize::try_from(self.get()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        String::from_utf8(text.to_vec()).ok()
    }

    /// Whether all was read.
    pub fn is_done(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_come_back() {
        let numbers = [0, 1, -1, 63, -64, 64, 300, -300, 1_000_000, i64::MAX, i64::MIN];
        let mut packer = Packer::default();
        numbers.iter().for_each(|number| packer.put(*number));
        packer.text("sieć ⚡");
        packer.text("");
        let bytes = packer.done();
        let mut read = Unpacker(&bytes);
        numbers.iter().for_each(|number| assert_eq!(read.get(), Some(*number)));
        assert_eq!((read.text().as_deref(), read.text().as_deref()), (Some("sieć ⚡"), Some("")));
        assert!(read.is_done() && read.get().is_none());
        for end in 0..bytes.len() {
            let mut torn = Unpacker(&bytes[..end]);
            while torn.get().is_some() {}
        }
        assert_eq!(Unpacker(&[0xff; 30]).get(), None);
        assert_eq!(Unpacker(&[0x7e, 1]).text(), None);
    }
}
