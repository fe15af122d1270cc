//! Timestamps of the site: within the years that count, and arithmetic on them never fails.

#![no_main]

use std::time::Duration;

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use wattboard::model::time::{FUTURE_ALLOWED, FoldResolver, Month, Range, SiteZone, YEARS, parse_local, parse_utc};

thread_local! {
    static ZONES: [SiteZone; 4] = ["Europe/Warsaw", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia"]
        .map(|name| SiteZone::named(name).expect("a zone"));
}

fuzz_target!(|data: &[u8]| {
    let Some((&chosen, bytes)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(bytes);
    let mut parts = text.split('\n');
    let (first, second) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let created = parse_utc(second);
    ZONES.with(|zones| {
        let zone = &zones[usize::from(chosen) % zones.len()];
        let Some(local) = parse_local(first, zone) else { return };
        assert!(YEARS.contains(&local.year()));
        let at = FoldResolver::default().resolve(zone, local, created);
        let newest = zone.newest_instant(local, at);
        for instant in [at, newest, zone.instant(local)] {
            let (early, late) = (Timestamp::constant(915_148_800, 0), Timestamp::constant(4_165_000_000, 0));
            assert!(early < instant && instant < late, "{instant}");
            let _ = (zone.naive(instant), zone.rfc3339(instant), instant + FUTURE_ALLOWED);
            let day = Range::day(zone.date(instant), zone);
            assert!(day.contains(instant));
            let _ = Range::last(Duration::from_secs(7 * 86_400), instant);
            let month = Month::of(zone.date(instant));
            assert!(month.days().any(|date| date == zone.date(instant)) && month.previous() < month);
        }
        // Written and read again it is the same wall time; what is less than a microsecond is not written.
        let again = parse_local(&zone.naive(at), zone).expect("what was written is read");
        let lost = zone.local(at).duration_since(again);
        assert!(!lost.is_negative() && lost.as_micros() == 0, "{again}");
        // The second of two rows never lies before the first where the order can tell.
        let mut resolver = FoldResolver::default();
        let pass = resolver.resolve(zone, local, None);
        let next = resolver.resolve(zone, local, None);
        assert!(next >= pass);
    });
});
