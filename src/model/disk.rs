//! What is written to the disk that holds the site (often an SD card), how the coordinator's database grows, and when
//! the disk will be full: of looks at counters, by the monotonic clock.
//!
//! A figure a day is the difference between the newest look and the oldest kept one (one an hour, for a week), scaled to
//! 24 h. It is told after [`LEAST`] only, always with the time that it was made of. What makes two looks incomparable
//! (another device, another file, a counter that went back) begins a new watch; nothing is guessed across it.

use std::collections::VecDeque;
use std::time::Duration;

use super::time::human_duration;

/// A value, or why there is none.
pub type Known<T> = Result<T, String>;

/// How long something is watched before its pace is told.
pub const LEAST: Duration = Duration::from_secs(6 * 3600);
/// Between two looks that are kept.
const BETWEEN_MARKS: Duration = Duration::from_secs(3600);
/// How many are: a week's.
const MARKS: usize = 7 * 24 + 1;
const DAY_S: i128 = 86_400;
/// What the kernel calls a sector, whatever the device's own is (Documentation/admin-guide/iostats.rst).
pub const SECTOR_BYTES: u64 = 512;
/// Faster than any disk of such a machine: a counter that seems to have made more was not the same one.
const FASTEST_SECTORS_A_S: u64 = 10_000_000;
/// What is further away than a century is not told in days.
const FAR_DAYS: i128 = 36_500;

/// What one look at the machine found.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// When, on a monotonic clock with any beginning.
    pub at: Duration,
    /// How long the machine has been up.
    pub uptime: Known<Duration>,
    /// Bytes that this program has caused to be written to disks since its start.
    pub own_written: Known<u64>,
    /// The block device that holds the site.
    pub device: Known<Device>,
    /// The disk that it is a part of; itself, where it is no partition.
    pub whole: Known<Device>,
    /// The coordinator's database.
    pub database: Known<FileSize>,
    /// The file system that holds the site.
    pub space: Known<Space>,
}

/// A block device and its counter, as `/proc/diskstats` has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Major and minor number.
    pub number: (u32, u32),
    /// Its name, such as `mmcblk0p2`.
    pub name: String,
    /// Sectors written since the machine's start; 32 bits wide where the kernel's `unsigned long` is.
    pub sectors_written: u64,
}

/// How large a database is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileSize {
    /// Which file it is: device and inode.
    pub file: (u64, u64),
    /// The file and its write-ahead log.
    pub bytes: u64,
}

/// The room in a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Which one it is: the device's number.
    pub device: u64,
    /// All of it.
    pub total_bytes: u64,
    /// What is taken.
    pub used_bytes: u64,
    /// What an ordinary user can still take.
    pub free_bytes: u64,
}

/// What is known of the disk.
#[derive(Debug, Clone, PartialEq)]
pub struct Disk {
    /// What this program writes.
    pub own: OwnWrites,
    /// What is written to the device that holds the site, by everybody.
    pub device: Known<Writes>,
    /// What is written to the whole disk.
    pub whole: Known<Writes>,
    /// The coordinator's database.
    pub database: Known<Growth>,
    /// The room that is left.
    pub room: Known<Room>,
}

/// A change, scaled to a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pace {
    /// Bytes a day; negative where it shrinks.
    pub bytes_a_day: Known<i64>,
    /// Over how long that was seen.
    pub over: Duration,
}

/// What this program writes.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnWrites {
    /// Bytes since its start.
    pub written_bytes: Known<u64>,
    /// How many a day.
    pub pace: Pace,
}

/// What is written to a device.
#[derive(Debug, Clone, PartialEq)]
pub struct Writes {
    /// The device's name.
    pub name: String,
    /// Bytes since the machine's start.
    pub boot_bytes: u64,
    /// The same a day; over the machine's uptime.
    pub boot_pace: Pace,
    /// Bytes while it was watched.
    pub watched_bytes: u64,
    /// How long it was watched.
    pub watched: Duration,
    /// How many a day, of the last week.
    pub pace: Pace,
}

/// A file that grows.
#[derive(Debug, Clone, PartialEq)]
pub struct Growth {
    /// Its size.
    pub bytes: u64,
    /// How much a day.
    pub pace: Pace,
}

/// The room in the file system.
#[derive(Debug, Clone, PartialEq)]
pub struct Room {
    /// What there is now.
    pub space: Space,
    /// How the used part changes.
    pub pace: Pace,
    /// Whole days until nothing is free at that pace.
    pub days_until_full: Known<u64>,
}

/// Everything that was seen so far, in a few kilobytes of memory and nowhere else.
#[derive(Debug, Default)]
pub struct Watch {
    own: Trail<()>,
    device: Odometer,
    whole: Odometer,
    database: Trail<(u64, u64)>,
    used: Trail<u64>,
}

impl Watch {
    /// Takes one more look into account; looks come in the order of their time.
    pub fn note(&mut self, look: Look) -> Disk {
        let Look { at, uptime, own_written, device, whole, database, space } = look;
        if let Ok(written) = own_written {
            self.own.note((), at, i128::from(written));
        }
        let own_pace = match &own_written {
            Ok(_) => self.own.pace(),
            Err(why) => Pace { bytes_a_day: Err(why.clone()), over: self.own.over() },
        };
        let database = database.map(|FileSize { file, bytes }| {
            self.database.note(file, at, i128::from(bytes));
            Growth { bytes, pace: self.database.pace() }
        });
        let room = space.map(|space| {
            // A file system that was enlarged holds what it held: only its device says whether it is another one.
            self.used.note(space.device, at, i128::from(space.used_bytes));
            let pace = self.used.pace();
            let days_until_full = days_until_full(space.free_bytes, &pace);
            Room { space, pace, days_until_full }
        });
        Disk {
            own: OwnWrites { written_bytes: own_written, pace: own_pace },
            device: device.map(|device| self.device.note(device, at, &uptime)),
            whole: whole.map(|whole| self.whole.note(whole, at, &uptime)),
            database,
            room,
        }
    }
}

/// Free space over its use.
fn days_until_full(free_bytes: u64, pace: &Pace) -> Known<u64> {
    match &pace.bytes_a_day {
        _ if free_bytes == 0 => Ok(0),
        Err(why) => Err(why.clone()),
        Ok(..=0) => Err(format!("the used space did not grow in {}", human_duration(pace.over))),
        Ok(growth) => match i128::from(free_bytes) / i128::from(*growth) {
            FAR_DAYS.. => Err("not within a hundred years at this pace".to_owned()),
            days => Ok(days as u64),
        },
    }
}

/// A value over time, and what it is the value of.
#[derive(Debug, Default)]
struct Trail<I> {
    of: I,
    marks: VecDeque<(Duration, i128)>,
    first: (Duration, i128),
    newest: (Duration, i128),
}

impl<I: PartialEq> Trail<I> {
    /// Notes a value; of something else than before, it begins anew.
    fn note(&mut self, of: I, at: Duration, value: i128) {
        if self.of != of || self.marks.is_empty() {
            self.marks.clear();
            self.of = of;
            self.first = (at, value);
        }
        self.newest = (at, value);
        let is_due = |&(last, _): &(Duration, i128)| at.saturating_sub(last) >= BETWEEN_MARKS;
        if self.marks.back().is_none_or(is_due) {
            self.marks.push_back((at, value));
        }
        if self.marks.len() > MARKS {
            self.marks.pop_front();
        }
    }

    fn over(&self) -> Duration {
        self.marks.front().map_or(Duration::ZERO, |&(from, _)| self.newest.0.saturating_sub(from))
    }

    fn pace(&self) -> Pace {
        let difference = self.marks.front().map_or(0, |&(_, from)| self.newest.1 - from);
        Pace::of(difference, self.over())
    }
}

impl Pace {
    /// A difference that came about within `over`.
    fn of(difference: i128, over: Duration) -> Self {
        if over < LEAST {
            let (seen, takes) = (human_duration(over), LEAST.as_secs() / 3600);
            return Self { bytes_a_day: Err(format!("watched for {seen}; a figure takes {takes} h")), over };
        }
        // Rounded half away from zero; milliseconds, so that short windows stay exact.
        let (made, time) = (difference * DAY_S * 1000, over.as_millis() as i128);
        let a_day = (made.abs() + time / 2) / time * made.signum();
        Self { bytes_a_day: i64::try_from(a_day).map_err(|_| "the counters make no sense".to_owned()), over }
    }
}

/// A device's counter, which may be 32 bits wide and begin anew at zero.
#[derive(Debug, Default)]
struct Odometer {
    trail: Trail<((u32, u32), String)>,
    last: u64,
    /// Sectors that the counter has lost by beginning anew.
    turned: u64,
}

impl Odometer {
    fn note(&mut self, device: Device, at: Duration, uptime: &Known<Duration>) -> Writes {
        let Device { number, name, sectors_written } = device;
        let of = (number, name);
        let gap = at.saturating_sub(self.trail.newest.0);
        if of != self.trail.of || self.trail.marks.is_empty() {
            self.turned = 0;
        } else if sectors_written < self.last {
            match past_32_bits(self.last, sectors_written, gap) {
                true => self.turned += 1 << 32,
                false => {
                    self.trail.marks.clear();
                    self.turned = 0;
                }
            }
        }
        self.last = sectors_written;
        let boot_bytes = sectors_written.saturating_add(self.turned).saturating_mul(SECTOR_BYTES);
        let name = of.1.clone();
        self.trail.note(of, at, i128::from(boot_bytes));
        let boot_pace = match uptime {
            Ok(uptime) => Pace::of(i128::from(boot_bytes), *uptime),
            Err(why) => Pace { bytes_a_day: Err(why.clone()), over: Duration::ZERO },
        };
        Writes {
            name,
            boot_bytes,
            boot_pace,
            watched_bytes: (self.trail.newest.1 - self.trail.first.1) as u64,
            watched: at.saturating_sub(self.trail.first.0),
            pace: self.trail.pace(),
        }
    }
}

/// Whether a counter that went back has passed the end of 32 bits: only where that is little enough for the time.
fn past_32_bits(before: u64, now: u64, gap: Duration) -> bool {
    let most = (gap.as_secs() + 1).saturating_mul(FASTEST_SECTORS_A_S).min(1 << 31);
    before < 1 << 32 && (1 << 32) - before + now <= most
}

/// The disk of a partition, by the kernel's names: `sda1` is of `sda`, `mmcblk0p2` of `mmcblk0`, `dm-0` of none.
pub fn is_partition_of(name: &str, disk: &str) -> bool {
    let Some(rest) = name.strip_prefix(disk) else { return false };
    // A disk whose name ends in a digit has a `p` before the number.
    let number = if disk.ends_with(|last: char| last.is_ascii_digit()) { rest.strip_prefix('p') } else { Some(rest) };
    !disk.is_empty()
        && number.is_some_and(|number| !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()))
}

#[cfg(test)]
mod tests;
