//! The disk that holds the site, as `/proc/diskstats` and the file system tell it. Nothing is opened but `/proc`.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{major, minor, statfs, statvfs};

use crate::config::Config;
use crate::model::disk::{Device, FileSize, Known, Look, Space, is_partition_of};

/// Where to look.
pub struct DiskSource {
    proc_root: PathBuf,
    /// The site's folders; the first one that is there says which disk it is.
    folders: Vec<PathBuf>,
    database: Option<PathBuf>,
}

impl DiskSource {
    /// Of the site of this config.
    pub fn new(config: &Config, proc_root: PathBuf) -> Self {
        let beside = config.database.as_deref().and_then(Path::parent).map(Path::to_path_buf);
        let others = [&config.energy_data_dir, &config.data_dir, &config.out_dir].map(Clone::clone);
        Self { proc_root, folders: beside.into_iter().chain(others).collect(), database: config.database.clone() }
    }

    /// Looks once; `own_written` is what `/proc/self/io` says, `at` a monotonic time.
    pub fn look(&self, at: Duration, own_written: Option<u64>) -> Look {
        let (space, devices) = match self.folders.iter().find_map(|folder| Some((folder, fs::metadata(folder).ok()?))) {
            Some((folder, meta)) => (space(folder, meta.dev()), self.devices(folder, meta.dev())),
            None => {
                let why = "none of the site's folders is there".to_owned();
                (Err(why.clone()), Err(why))
            }
        };
        let (device, whole) = match devices {
            Ok((device, whole)) => (Ok(device), Ok(whole)),
            Err(why) => (Err(why.clone()), Err(why)),
        };
        Look {
            at,
            uptime: self.uptime(),
            own_written: own_written.ok_or_else(|| "the kernel does not tell".to_owned()),
            device,
            whole,
            database: size_of(self.database.as_deref()),
            space,
        }
    }

    fn uptime(&self) -> Known<Duration> {
        let text = read(&self.proc_root.join("uptime"))?;
        let seconds = text.split_whitespace().next().and_then(|first| first.parse::<f64>().ok());
        let time = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        time.ok_or_else(|| format!("{} makes no sense", self.proc_root.join("uptime").display()))
    }

    fn devices(&self, folder: &Path, device: u64) -> Known<(Device, Device)> {
        let number = (major(device), minor(device));
        let path = self.proc_root.join("diskstats");
        let found = find(&read(&path)?, number);
        found.ok_or_else(|| match number.0 {
            0 => format!("the site lies on {}, of which the kernel counts no writes", kind_of(folder)),
            _ => format!("{} does not tell of the device {}:{}", path.display(), number.0, number.1),
        })
    }
}

/// The device of this number and the disk that it is a part of (itself, where it is none), in the text of
/// `/proc/diskstats`. Lines that make no sense are passed over.
fn find(text: &str, number: (u32, u32)) -> Option<(Device, Device)> {
    let devices = || text.lines().filter_map(parse);
    let device = devices().find(|device| device.number == number)?;
    let whole = devices().find(|disk| is_partition_of(&device.name, &disk.name));
    Some((device.clone(), whole.unwrap_or(device)))
}

/// A line: major, minor, name, then counters, of which the seventh is of the sectors that were written.
fn parse(line: &str) -> Option<Device> {
    let mut words = line.split_ascii_whitespace();
    let number = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let name = words.next()?.to_owned();
    Some(Device { number, name, sectors_written: words.nth(6)?.parse().ok()? })
}

fn space(folder: &Path, device: u64) -> Known<Space> {
    let found = statvfs(folder)
        .map_err(|error| format!("cannot ask for the free space of {}: {}", folder.display(), error.kind()))?;
    let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
    if found.f_blocks == 0 {
        return Err(format!("the file system of {} does not tell how large it is", folder.display()));
    }
    Ok(Space {
        device,
        total_bytes: bytes(found.f_blocks),
        used_bytes: bytes(found.f_blocks.saturating_sub(found.f_bfree)),
        free_bytes: bytes(found.f_bavail),
    })
}

/// The file's size and that of its write-ahead log.
fn size_of(database: Option<&Path>) -> Known<FileSize> {
    let path = database.ok_or("the config has no database")?;
    let meta = fs::metadata(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => "there is no database file".to_owned(),
        kind => format!("cannot look at {}: {kind}", path.display()),
    })?;
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let log_bytes = fs::metadata(log).map_or(0, |log| log.len());
    Ok(FileSize { file: (meta.dev(), meta.ino()), bytes: meta.len().saturating_add(log_bytes) })
}

/// The kind of a file system without a block device (numbers of linux/magic.h).
fn kind_of(folder: &Path) -> &'static str {
    #[allow(clippy::unnecessary_cast, reason = "its type is another one on other processors")]
    match statfs(folder).map_or(0, |found| found.f_type as u32) {
        0x0102_1994 => "tmpfs",
        0x794c_7630 => "overlayfs",
        0x9123_683e => "btrfs",
        0x2fc1_2fc1 => "zfs",
        0x6969 => "nfs",
        0xff53_4d42 | 0xfe53_4d42 => "a Windows share",
        0x6573_5546 => "fuse",
        _ => "a file system without a block device",
    }
}

fn read(path: &Path) -> Known<String> {
    let bytes = fs::read(path).map_err(|error| format!("cannot read {}: {}", path.display(), error.kind()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a Raspberry Pi with its system on the card, and of machines with NVMe, LVM and a USB stick.
    const RECORDED: &str = "\
   1       0 ram0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
 179       0 mmcblk0 41123 12873 2398754 310942 189231 201884 7712808 4112093 0 901224 4430199 0 0 0 0 14233 7163
 179       1 mmcblk0p1 311 1055 21518 1287 3 0 3 12 0 1012 1299 0 0 0 0 0 0
 179       2 mmcblk0p2 40718 11818 2372956 309488 189228 201884 7712805 4112081 0 900300 4421570 0 0 0 0 0 0
 259       0 nvme0n1 10 0 100 1 20 0 200 2 0 3 3
 259       2 nvme0n1p2 8 0 80 1 18 0 180 2 0 3 3
 254       0 dm-0 7 0 70 1 16 0 160 2 0 3 3 0 0 0 0 0 0
   8       0 sda 7 0 70 1 16 0 4294967295 2 0 3 3 0 0 0 0 0 0
   8       1 sda1 7 0 70 1
   8      17 sdb1 7 0 70 1 16 0 50 2 0 3 3
garbage
   8       x sdx 1 1 1 1 1 1 1
";

    #[test]
    fn a_device_is_found_by_its_number_and_its_disk_by_its_name() {
        let found = |major, minor| {
            find(RECORDED, (major, minor))
                .map(|(device, whole)| (device.name, device.sectors_written, whole.name, whole.sectors_written))
        };
        let of = |name: &str, sectors, disk: &str, all| Some((name.to_owned(), sectors, disk.to_owned(), all));
        assert_eq!(found(179, 2), of("mmcblk0p2", 7_712_805, "mmcblk0", 7_712_808));
        assert_eq!(found(259, 2), of("nvme0n1p2", 180, "nvme0n1", 200));
        assert_eq!(found(254, 0), of("dm-0", 160, "dm-0", 160));
        assert_eq!(found(8, 0), of("sda", 4_294_967_295, "sda", 4_294_967_295));
        assert_eq!(found(8, 17), of("sdb1", 50, "sdb1", 50), "its disk is not told");
        assert_eq!(found(8, 1), None, "a line without the counter");
        assert_eq!(found(0, 45), None);
        assert_eq!(find("", (179, 2)), None);
    }

    fn source(root: &Path, database: Option<PathBuf>) -> DiskSource {
        DiskSource { proc_root: root.join("proc"), folders: vec![root.join("nowhere"), root.to_path_buf()], database }
    }

    #[test]
    fn what_there_is_is_told_and_what_not_has_a_reason() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let database = root.join("energy.db");
        let look = source(root, Some(database.clone())).look(Duration::from_secs(5), None);
        assert_eq!(look.own_written.unwrap_err(), "the kernel does not tell");
        assert_eq!(look.database.unwrap_err(), "there is no database file");
        let missing = format!("cannot read {}: entity not found", root.join("proc/diskstats").display());
        assert_eq!((look.device.unwrap_err(), look.whole.unwrap_err()), (missing.clone(), missing));
        assert!(look.uptime.unwrap_err().ends_with("proc/uptime: entity not found"));
        let space = look.space.unwrap();
        assert!(space.total_bytes >= space.used_bytes && space.total_bytes > 1 << 20, "{space:?}");

        let number = fs::metadata(root).unwrap().dev();
        let line = format!("{} {} mmcblk0p2 1 2 3 4 5 6 70 8 9", major(number), minor(number));
        fs::create_dir(root.join("proc")).unwrap();
        fs::write(root.join("proc/diskstats"), format!("179 0 mmcblk0 1 2 3 4 5 6 75 8 9\n{line}\n")).unwrap();
        fs::write(root.join("proc/uptime"), "350735.47 1234.5\n").unwrap();
        fs::write(&database, [0; 5000]).unwrap();
        fs::write(root.join("energy.db-wal"), [0; 320]).unwrap();
        let look = source(root, Some(database)).look(Duration::from_secs(65), Some(4096));
        assert_eq!((look.own_written, look.database.unwrap().bytes), (Ok(4096), 5320));
        assert_eq!(look.uptime.unwrap(), Duration::from_secs_f64(350_735.47));
        assert_eq!((look.device.unwrap().sectors_written, look.whole.unwrap().sectors_written), (70, 75));

        fs::write(root.join("proc/uptime"), "-1 nonsense").unwrap();
        fs::write(root.join("proc/diskstats"), b"\xff\xfe\n1 2").unwrap();
        let look = source(root, None).look(Duration::ZERO, Some(0));
        assert!(look.uptime.unwrap_err().ends_with("proc/uptime makes no sense"));
        assert!(look.device.is_err());
        assert_eq!(look.database.unwrap_err(), "the config has no database");
    }

    #[test]
    fn a_site_that_is_nowhere_has_one_reason() {
        let folder = tempfile::tempdir().unwrap();
        let lost = DiskSource { folders: vec![folder.path().join("a")], ..source(folder.path(), None) };
        let look = lost.look(Duration::ZERO, Some(0));
        let why = Err("none of the site's folders is there".to_owned());
        assert_eq!((look.space.map(|_| ()), look.device.map(|_| ())), (why.clone(), why));
    }

    #[test]
    fn memory_is_no_disk() {
        if !Path::new("/dev/shm").is_dir() {
            return;
        }
        let folder = tempfile::tempdir_in("/dev/shm").unwrap();
        fs::create_dir(folder.path().join("proc")).unwrap();
        fs::write(folder.path().join("proc/diskstats"), RECORDED).unwrap();
        let look = source(folder.path(), None).look(Duration::ZERO, Some(0));
        assert_eq!(look.device.unwrap_err(), "the site lies on tmpfs, of which the kernel counts no writes");
    }
}
