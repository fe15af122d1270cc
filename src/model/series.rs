//! Series of measured values: points and holes, and fewer points of the same shape.

use std::time::Duration;

use jiff::Timestamp;

use super::balance::Gauge;
use super::energy::COLLECTION_INTERVAL;
use super::time::Range;

/// How often it is tried how many parts have room.
const ATTEMPTS: usize = 8;

/// A point; `None` is a hole.
pub type Point = (Timestamp, Option<f64>);

/// Measured values with one empty point for each missing collection interval of a hole: more than two intervals without a
/// value, also at the beginning and at the end of `within`. Values are in order of time.
pub fn measured(values: impl IntoIterator<Item = (Timestamp, f64)>, within: Range) -> Vec<Point> {
    let mut points = Vec::new();
    // An interval before the range there might have been a row.
    let mut last = within.from - COLLECTION_INTERVAL;
    for (at, value) in values {
        fill(&mut points, last, at);
        points.push((at, Some(value)));
        last = at;
    }
    fill(&mut points, last, within.to);
    points
}

fn fill(points: &mut Vec<Point>, last: Timestamp, next: Timestamp) {
    let gap = Duration::try_from(next.duration_since(last)).unwrap_or_default();
    if gap > 2 * COLLECTION_INTERVAL {
        let missing = (gap.as_secs_f64() / COLLECTION_INTERVAL.as_secs_f64()).round() as u32 - 1;
        points.extend((1..=missing).map(|step| (last + step * COLLECTION_INTERVAL, None)));
    }
}

/// The least and the greatest value of each bucket as two points (one, where they are the same), a quarter of its length
/// from its ends: where in it they were is not known. A bucket without values is a hole. `unit` is how many of the
/// gauge's units make 1.
pub fn of_gauges<'a>(buckets: impl IntoIterator<Item = (Range, Option<&'a Gauge>)>, unit: f64) -> Vec<Point> {
    let mut points = Vec::new();
    for (range, gauge) in buckets {
        let length = Duration::try_from(range.to.duration_since(range.from)).unwrap_or_default();
        match gauge.filter(|gauge| gauge.count > 0) {
            Some(gauge) if gauge.min == gauge.max => {
                points.push((range.from + length / 2, Some(gauge.min as f64 / unit)))
            }
            Some(gauge) => {
                points.push((range.from + length / 4, Some(gauge.min as f64 / unit)));
                points.push((range.from + length * 3 / 4, Some(gauge.max as f64 / unit)));
            }
            None => points.push((range.from + length / 2, None)),
        }
    }
    points
}

/// At most `most` points (at least 3) of the same shape: the range is divided evenly by time, and of each part its least
/// and its greatest value are kept, and a hole where it has one. So the least and the greatest value of all are there.
pub fn thinned(points: Vec<Point>, most: usize) -> Vec<Point> {
    if points.len() <= most {
        return points;
    }
    // Without holes a part has two points at most, else three: as many parts as have room.
    let mut parts = most / 2;
    for _ in 0..ATTEMPTS {
        let kept = divided(&points, parts);
        if kept.len() <= most {
            return kept;
        }
        parts -= ((kept.len() - most) / 3).max(1);
    }
    divided(&points, most / 3)
}

fn divided(points: &[Point], parts: usize) -> Vec<Point> {
    let (Some((first, _)), Some((last, _))) = (points.first(), points.last()) else { return Vec::new() };
    let length = last.as_microsecond() - first.as_microsecond() + 1;
    // A century in microseconds times a thousand parts is a third of what an integer holds.
    let part_of = |at: Timestamp| (at.as_microsecond() - first.as_microsecond()).saturating_mul(parts as i64) / length;
    let mut kept = Vec::with_capacity(parts * 3);
    let mut rest = points;
    while let Some((at, _)) = rest.first() {
        let number = part_of(*at);
        let (part, after) = rest.split_at(rest.partition_point(|(at, _)| part_of(*at) <= number));
        rest = after;
        let (mut least, mut greatest, mut hole): (Option<usize>, Option<usize>, Option<usize>) = (None, None, None);
        for (index, (_, value)) in part.iter().enumerate() {
            let Some(value) = value else {
                hole = hole.or(Some(index));
                continue;
            };
            let at = |index: usize| part[index].1.unwrap_or_default();
            if least.is_none_or(|least| *value < at(least)) {
                least = Some(index);
            }
            if greatest.is_none_or(|greatest| *value > at(greatest)) {
                greatest = Some(index);
            }
        }
        let mut found = [least, greatest, hole];
        found.sort_unstable();
        let mut before = None;
        for index in found.into_iter().flatten() {
            if before != Some(index) {
                kept.push(part[index]);
            }
            before = Some(index);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + minute * 60).unwrap()
    }

    fn shown(points: &[Point]) -> Vec<(i64, Option<f64>)> {
        points.iter().map(|(time, value)| ((time.as_second() - 1_700_000_000) / 60, *value)).collect()
    }

    #[test]
    fn holes_are_more_than_two_intervals() {
        let (some, none) = (Some(1.0), None);
        for (minutes, to, expected) in [
            (vec![0, 5, 10], 12, vec![(0, some), (5, some), (10, some)]),
            (vec![0, 10], 20, vec![(0, some), (10, some)]),
            (vec![0, 15], 20, vec![(0, some), (5, none), (10, none), (15, some)]),
            (vec![15], 20, vec![(0, none), (5, none), (10, none), (15, some)]),
            (vec![4], 15, vec![(4, some), (9, none)]),
            (vec![], 15, vec![(0, none), (5, none), (10, none)]),
        ] {
            let within = Range { from: at(0), to: at(to) };
            let points = measured(minutes.iter().map(|minute| (at(*minute), 1.0)), within);
            assert_eq!(shown(&points), expected, "{minutes:?}");
        }
    }

    #[test]
    fn a_bucket_is_its_least_and_its_greatest_value() {
        let gauge = |min, max| Gauge { count: 2, sum: min + max, min, max };
        let (wide, flat, none) = (gauge(100, 300), gauge(200, 200), Gauge::default());
        let hour = |hour: i64| Range { from: at(hour * 60), to: at(hour * 60 + 60) };
        let buckets = [(hour(0), Some(&wide)), (hour(1), Some(&flat)), (hour(2), Some(&none)), (hour(3), None)];
        let points = of_gauges(buckets, 100.0);
        assert_eq!(shown(&points), [(15, Some(1.0)), (45, Some(3.0)), (90, Some(2.0)), (150, None), (210, None)]);
    }

    #[test]
    fn fewer_points_keep_extremes_holes_and_order() {
        let mut state = 7_u64;
        let mut random = |limit: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % limit
        };
        for round in 0..300 {
            let count = 1 + random(3_000) as i64;
            let holes = random(4) * 10;
            let points: Vec<Point> = (0..count)
                .map(|index| {
                    (at(index * 5), (holes == 0 || random(100) >= holes).then(|| random(100_000) as f64 - 5e4))
                })
                .collect();
            let most = 10 + random(400) as usize;
            let thin = thinned(points.clone(), most);
            assert!(thin.len() <= most, "{round}: {} of {most}", thin.len());
            assert!(thin.iter().is_sorted_by(|a, b| a.0 < b.0) && thin.iter().all(|point| points.contains(point)));
            let ends = |points: &[Point]| {
                let values = || points.iter().filter_map(|point| point.1);
                (values().reduce(f64::min), values().reduce(f64::max), points.iter().any(|point| point.1.is_none()))
            };
            assert_eq!(ends(&thin), ends(&points), "{round}");
            if points.len() > 10 * most {
                assert!(thin.len() > most / 2, "{round}: {} of {most}", thin.len());
            }
        }
        assert_eq!(thinned(vec![(at(0), None); 1], 10), [(at(0), None)]);
    }
}
