use super::*;

const HOUR: u64 = 3600;
const MIB: u64 = 1 << 20;

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn device(name: &str, sectors_written: u64) -> Known<Device> {
    Ok(Device { number: (179, 2), name: name.into(), sectors_written })
}

fn look(seconds: u64) -> Look {
    Look {
        at: at(seconds),
        uptime: Ok(at(seconds + 1000)),
        own_written: Ok(0),
        device: device("mmcblk0p2", 0),
        whole: device("mmcblk0", 0),
        database: Ok(FileSize { file: (1, 2), bytes: 0 }),
        space: Ok(Space { device: 1, total_bytes: 1 << 34, used_bytes: 1 << 33, free_bytes: 1 << 32 }),
    }
}

fn space(used_bytes: u64, free_bytes: u64) -> Known<Space> {
    Ok(Space { device: 1, total_bytes: 1 << 34, used_bytes, free_bytes })
}

#[test]
fn a_pace_takes_six_hours_and_says_over_how_long() {
    let mut trail = Trail::default();
    trail.note((), at(100), 1000);
    assert_eq!(trail.pace(), Pace { bytes_a_day: Err("watched for 0s; a figure takes 6 h".into()), over: at(0) });
    trail.note((), at(100 + 720), 5000);
    assert_eq!(trail.pace().bytes_a_day, Err("watched for 12m; a figure takes 6 h".into()));
    trail.note((), at(100 + 6 * HOUR - 1), 5000);
    assert_eq!(trail.pace().bytes_a_day, Err("watched for 5h 59m; a figure takes 6 h".into()));
    trail.note((), at(100 + 6 * HOUR), 4000);
    assert_eq!(trail.pace(), Pace { bytes_a_day: Ok(12_000), over: at(6 * HOUR) });
    trail.note((), at(100 + 12 * HOUR), 500);
    assert_eq!(trail.pace(), Pace { bytes_a_day: Ok(-1_000), over: at(12 * HOUR) });
}

#[test]
fn a_pace_is_rounded_once() {
    for (difference, over, a_day) in [
        (1, 48 * HOUR, 1), // a half, away from zero
        (-1, 48 * HOUR, -1),
        (1, 49 * HOUR, 0),
        (7, 7 * 24 * HOUR, 1),
        (10, 24 * HOUR, 10),
        (0, 24 * HOUR, 0),
    ] {
        assert_eq!(Pace::of(difference, at(over)).bytes_a_day, Ok(a_day), "{difference} in {over} s");
    }
    assert!(Pace::of(i128::from(u64::MAX), at(6 * HOUR)).bytes_a_day.is_err());
}

#[test]
fn only_the_last_week_counts() {
    let mut trail = Trail::default();
    // A lot on the first day, then 100 bytes an hour.
    for hour in 0..=24 * 20 {
        trail.note((), at(hour * HOUR), i128::from(hour * 100) + if hour > 10 { 1_000_000 } else { 0 });
    }
    assert_eq!(trail.pace(), Pace { bytes_a_day: Ok(2400), over: at(168 * HOUR) });
    assert_eq!((trail.marks.len(), trail.first), (MARKS, (at(0), 0)));
}

#[test]
fn looks_every_minute_keep_one_mark_an_hour() {
    let mut trail = Trail::default();
    for minute in 0..=60 * 24 * 8 {
        trail.note((), at(minute * 60), i128::from(minute));
    }
    assert_eq!(trail.marks.len(), MARKS);
    assert_eq!(trail.pace(), Pace { bytes_a_day: Ok(1440), over: at(168 * HOUR) });
}

#[test]
fn writes_are_sectors_of_512_bytes_since_boot_and_since_the_start() {
    let mut watch = Watch::default();
    let first = Look { whole: device("mmcblk0", 2048 * 100), uptime: Ok(at(24 * HOUR)), ..look(0) };
    let whole = watch.note(first).whole.unwrap();
    assert_eq!((whole.boot_bytes, whole.watched_bytes, whole.watched), (100 * MIB, 0, at(0)));
    assert_eq!(whole.boot_pace, Pace { bytes_a_day: Ok(100 * MIB as i64), over: at(24 * HOUR) });
    assert_eq!(whole.pace.bytes_a_day, Err("watched for 0s; a figure takes 6 h".into()));
    let later = Look { whole: device("mmcblk0", 2048 * 150), uptime: Ok(at(36 * HOUR)), ..look(12 * HOUR) };
    let whole = watch.note(later).whole.unwrap();
    assert_eq!((whole.name.as_str(), whole.boot_bytes, whole.watched_bytes), ("mmcblk0", 150 * MIB, 50 * MIB));
    assert_eq!((whole.pace.bytes_a_day, whole.boot_pace.bytes_a_day), (Ok(100 * MIB as i64), Ok(100 * MIB as i64)));
}

#[test]
fn a_machine_that_was_just_started_has_no_pace_since_its_start() {
    let whole = Watch::default().note(look(60)).whole.unwrap();
    assert_eq!(whole.boot_pace.bytes_a_day, Err("watched for 17m 40s; a figure takes 6 h".into()));
    let without = Look { uptime: Err("cannot read /proc/uptime: entity not found".into()), ..look(60) };
    let whole = Watch::default().note(without).whole.unwrap();
    assert_eq!(whole.boot_pace.bytes_a_day, Err("cannot read /proc/uptime: entity not found".into()));
}

#[test]
fn a_32_bit_counter_may_turn_over() {
    let mut watch = Watch::default();
    let near = (1 << 32) - 1000;
    watch.note(Look { whole: device("mmcblk0", near), ..look(0) });
    let whole = watch.note(Look { whole: device("mmcblk0", 24), ..look(60) }).whole.unwrap();
    assert_eq!((whole.watched_bytes, whole.boot_bytes), (1024 * 512, (1 << 41) + 24 * 512));
    let whole = watch.note(Look { whole: device("mmcblk0", 2024), ..look(7 * HOUR) }).whole.unwrap();
    assert_eq!((whole.watched_bytes, whole.pace.over), (3024 * 512, at(7 * HOUR)));
}

#[test]
fn another_device_begins_anew() {
    for (case, then) in [
        ("the counter went back by more than it can have turned", device("mmcblk0", 10)),
        ("another name", device("sda", 9_000)),
        ("another number", Ok(Device { number: (8, 0), name: "mmcblk0".into(), sectors_written: 9_000 })),
    ] {
        let mut watch = Watch::default();
        watch.note(Look { whole: device("mmcblk0", 5_000), ..look(0) });
        watch.note(Look { whole: device("mmcblk0", 8_000), ..look(7 * HOUR) });
        let whole = watch.note(Look { whole: then.clone(), ..look(8 * HOUR) }).whole.unwrap();
        assert_eq!((whole.watched_bytes, whole.watched), (0, at(0)), "{case}");
        assert!(whole.pace.bytes_a_day.is_err(), "{case}");
        assert_eq!(whole.boot_bytes, then.unwrap().sectors_written * 512, "{case}");
    }
    let mut watch = Watch::default();
    watch.note(Look { whole: device("mmcblk0", u64::MAX), ..look(0) });
    assert_eq!(watch.note(Look { whole: device("mmcblk0", 1), ..look(60) }).whole.unwrap().watched_bytes, 0);
}

#[test]
fn what_cannot_be_seen_for_a_while_is_told_again_afterwards() {
    let mut watch = Watch::default();
    watch.note(Look { whole: device("mmcblk0", 1000), ..look(0) });
    let gone = watch.note(Look { whole: Err("cannot read".into()), own_written: Err("no".into()), ..look(HOUR) });
    assert_eq!(gone.whole, Err("cannot read".into()));
    assert_eq!((gone.own.written_bytes, gone.own.pace.bytes_a_day), (Err("no".into()), Err("no".into())));
    let back = watch.note(Look { whole: device("mmcblk0", 3000), ..look(6 * HOUR) });
    assert_eq!(back.whole.unwrap().pace.bytes_a_day, Ok(4 * 2000 * 512));
}

#[test]
fn a_database_that_was_replaced_or_shrank() {
    let mut watch = Watch::default();
    let size = |file, bytes| Ok(FileSize { file: (1, file), bytes });
    let mut grown = |hours, database| watch.note(Look { database, ..look(hours * HOUR) }).database.unwrap();
    assert_eq!(grown(0, size(7, 10_000)).bytes, 10_000);
    assert_eq!(grown(8, size(7, 14_000)).pace.bytes_a_day, Ok(12_000));
    assert_eq!(grown(16, size(7, 9_000)).pace.bytes_a_day, Ok(-1_500));
    let copied = grown(17, size(8, 90_000));
    assert_eq!(copied.pace, Pace { bytes_a_day: Err("watched for 0s; a figure takes 6 h".into()), over: at(0) });
}

#[test]
fn days_until_the_disk_is_full() {
    let days = |used: [u64; 2], free| {
        let mut watch = Watch::default();
        watch.note(Look { space: space(used[0], free), ..look(0) });
        watch.note(Look { space: space(used[1], free), ..look(24 * HOUR) }).room.unwrap().days_until_full
    };
    assert_eq!(days([1000, 1000 + 10 * MIB], 100 * MIB), Ok(10));
    assert_eq!(days([1000, 1000 + 10 * MIB], 100 * MIB - 1), Ok(9), "whole days");
    assert_eq!(days([1000, 1000 + 10 * MIB], 1), Ok(0));
    assert_eq!(days([1000, 1000], 100), Err("the used space did not grow in 1d".into()));
    assert_eq!(days([1000, 900], 100), Err("the used space did not grow in 1d".into()));
    assert_eq!(days([1000, 900], 0), Ok(0), "full is full");
    assert_eq!(days([1000, 1001], 1 << 40), Err("not within a hundred years at this pace".into()));
    assert_eq!(days([1000, 1001], 36_499), Ok(36_499));
    let early = Watch::default().note(look(0)).room.unwrap();
    assert_eq!(early.days_until_full, Err("watched for 0s; a figure takes 6 h".into()));
}

#[test]
fn another_file_system_begins_anew() {
    let mut watch = Watch::default();
    watch.note(Look { space: space(1000, 1), ..look(0) });
    let moved = Ok(Space { device: 2, total_bytes: 10, used_bytes: 5, free_bytes: 5 });
    let room = watch.note(Look { space: moved, ..look(24 * HOUR) }).room.unwrap();
    assert!(room.days_until_full.is_err() && room.pace.over == at(0));
}

#[test]
fn partitions_by_their_names() {
    for (name, disk, is) in [
        ("mmcblk0p2", "mmcblk0", true),
        ("mmcblk0p12", "mmcblk0", true),
        ("mmcblk0boot0", "mmcblk0", false),
        ("mmcblk10p1", "mmcblk1", false),
        ("nvme0n1p2", "nvme0n1", true),
        ("nvme0n1p2", "nvme0n", false),
        ("sda1", "sda", true),
        ("sdaa1", "sda", false),
        ("sda", "sda", false),
        ("vda15", "vda", true),
        ("dm-10", "dm-1", false),
        ("loop0p1", "loop0", true),
        ("md127p1", "md127", true),
        ("1", "", false),
    ] {
        assert_eq!(is_partition_of(name, disk), is, "{name} of {disk}");
    }
}
