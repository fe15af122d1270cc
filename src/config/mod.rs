//! The coordinator's own YAML, read as it is: the few keys that matter here, validated and typed.
//!
//! Keys of other programs are ignored. A bad value is an error that names file, key, value and what is allowed; a value
//! out of its range is clamped with a warning; an unknown key inside `web_server` is warned about.
//! Who is let in and how much is taken on is never guessed: there, a value out of its range is an error.

mod access;
mod limits;
mod node;
mod prices;
mod push;
mod state;
mod tariff;
mod variables;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::base::fault::{Fault, io_fault};
use crate::base::machine::own_name;
use crate::base::units::Micro;
use crate::model::price::{Entity, Selling};
use crate::model::tariff::Tariff;
use crate::model::time::SiteZone;

pub use access::Access;
pub use limits::Limits;
pub use node::Doc;
pub use prices::PriceUrls;
pub use push::{Push, Secret};
pub use tariff::preset;
use variables::Variables;

/// What the coordinator takes for the battery's capacity where nothing is configured.
const DEFAULT_CAPACITY_KWH: f64 = 20.0;
/// No home has more.
const MAX_CAPACITY_KWH: f64 = 10_000.0;
/// Above this many seconds a refresh interval means *off*.
const OFF_ABOVE_S: f64 = 86_400.0;
/// Longest name of a site.
const MAX_SITE_BYTES: usize = 64;
/// Largest config that is read: the coordinator's has 30 KB.
const MAX_CONFIG_BYTES: u64 = 4 * 1024 * 1024;

/// How often a refresher looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interval {
    /// Each time this much has passed.
    Every(Duration),
    /// Once at start and never again (the documented way to roll back).
    Off,
}

/// Everything that the program takes from the config.
#[derive(Debug, Clone)]
pub struct Config {
    /// The config file.
    pub file: PathBuf,
    /// The site's root folder: the config file's grandparent.
    pub root: PathBuf,
    /// `system.timezone`.
    pub zone: SiteZone,
    /// Its name.
    pub zone_name: String,
    /// `web_server.site`: what the site is called among others.
    pub site: Option<String>,
    /// `web_server.host`.
    pub host: String,
    /// `web_server.port`.
    pub port: u16,
    /// `web_server.cors_enabled`.
    pub cors_enabled: bool,
    /// `web_server.cors_origins`.
    pub cors_origins: Vec<String>,
    /// Who is let in.
    pub access: Access,
    /// How much the server takes on.
    pub limits: Limits,
    /// `web_server.background_refresh_interval_seconds`: live data.
    pub live_interval: Interval,
    /// `web_server.price_refresh_interval_seconds`.
    pub price_interval: Interval,
    /// `web_server.metrics_refresh_interval_seconds`: decisions, sums, history.
    pub metrics_interval: Interval,
    /// `web_server.coordinator_pid_check_interval_seconds`.
    pub process_interval: Interval,
    /// `web_server.cache_staleness_threshold_seconds`: when decisions, sums and history count as stale. (A reading of
    /// the house always does after 120 s.)
    pub staleness: Duration,
    /// Where prices are asked for.
    pub price_urls: PriceUrls,
    /// `price_analysis.ca_file`: root certificates for it, beside the built-in ones.
    pub price_ca_file: Option<PathBuf>,
    /// `web_server.api_timeout_seconds`, else `price_analysis.api_timeout_seconds`, else 30 s.
    pub price_deadline: Duration,
    /// `electricity_tariff`.
    pub tariff: Tariff,
    /// `prosumer`.
    pub selling: Selling,
    /// `battery_management.capacity_kwh`, as it is configured.
    pub stated_capacity: Option<Micro>,
    /// That, else what the coordinator takes in its place.
    pub capacity: Micro,
    /// Whether the Kompas is asked for: `pse_peak_hours.enabled`, or a tariff that needs it.
    pub wants_kompas: bool,
    /// Wattboard's own database, the price memory (`data_storage.wattboard_database`).
    pub own_database: PathBuf,
    /// Whether the config names an absolute path for it: then it stays there, whatever the state directory is.
    own_database_is_fixed: bool,
    /// The coordinator's database; `None` in files-only mode (`enabled: false`).
    pub database: Option<PathBuf>,
    /// Whether the config says that there is one; else it is used as soon as the file exists.
    pub database_expected: bool,
    /// `data_storage.database_storage.timeseries_db`: where rows are sent; `None` where they are not.
    pub push: Option<Push>,
    /// Where decision and energy files lie (`data_storage.file_storage.energy_data_dir`).
    pub energy_data_dir: PathBuf,
    /// Where state files and snapshots lie: `out`.
    pub out_dir: PathBuf,
    /// Where Wattboard keeps its price cache: `data`, or the state directory.
    pub data_dir: PathBuf,
    /// The folder of the coordinator's log files.
    pub log_dir: PathBuf,
    /// `logging.level`, as this program's own level unless the command line says otherwise.
    pub log_level: log::LevelFilter,
    /// What is odd but not wrong, one sentence each.
    pub warnings: Vec<String>,
}

/// The key of the pages that may read answers.
const CORS_ORIGINS: &str = "web_server.cors_origins";
/// Keys of `web_server` that mean something here; `enabled` governs the coordinator's own dashboard.
const WEB_SERVER_KEYS: [&str; 18] = [
    "enabled",
    "site",
    "host",
    "port",
    "cors_enabled",
    "cors_origins",
    "allowed_networks",
    "trusted_proxies",
    "allowed_hosts",
    "auth",
    "frame_ancestors",
    "limits",
    "background_refresh_interval_seconds",
    "price_refresh_interval_seconds",
    "metrics_refresh_interval_seconds",
    "coordinator_pid_check_interval_seconds",
    "cache_staleness_threshold_seconds",
    "api_timeout_seconds",
];

impl Config {
    /// The entities that are asked for.
    pub fn entities(&self) -> impl Iterator<Item = Entity> {
        let wants_kompas = self.wants_kompas;
        Entity::ALL.into_iter().filter(move |entity| *entity != Entity::Kompas || wants_kompas)
    }

    /// Reads and validates a config file.
    ///
    /// # Errors
    /// When it cannot be read, is not YAML, or a value in it is not one that is allowed.
    pub fn load(file: &Path) -> Result<Self, Fault> {
        Self::load_with(file, None)
    }

    /// The same with another tariff than the one that it selects: an entry of it or a preset.
    ///
    /// # Errors
    /// As [`Config::load`], and when there is no such tariff.
    pub fn load_with(file: &Path, tariff: Option<&str>) -> Result<Self, Fault> {
        let size = std::fs::metadata(file).map_err(|error| io_fault("read the config", file, &error))?.len();
        if size > MAX_CONFIG_BYTES {
            return Err(Fault::invalid(format!("{}: {size} bytes are too many for a config", file.display())));
        }
        let text = std::fs::read_to_string(file).map_err(|error| io_fault("read the config", file, &error))?;
        let file = file.canonicalize().map_err(|error| io_fault("find the config", file, &error))?;
        Self::parse_in(&file, &text, tariff, variables::of_process)
    }

    /// Validates the text of a config that lies at `file` (an absolute path).
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(file: &Path, text: &str) -> Result<Self, Fault> {
        Self::parse_in(file, text, None, variables::of_process)
    }

    fn parse_in(file: &Path, text: &str, tariff: Option<&str>, variables: Variables) -> Result<Self, Fault> {
        let label = file.display().to_string();
        let node = node::parse(text).map_err(|error| Fault::invalid(format!("{label}: not valid YAML: {error}")))?;
        let doc = Doc::new(&label, &node).with_variables(variables);
        let parent = file.parent().unwrap_or(Path::new("/"));
        let root = parent.parent().unwrap_or(parent).to_owned();
        let mut warnings = Vec::new();

        let zone_name = doc.text("system.timezone")?.unwrap_or_else(|| "Europe/Warsaw".into());
        let zone = SiteZone::named(&zone_name)
            .map_err(|_| doc.refuse("system.timezone", &zone_name, "an IANA time zone such as Europe/Warsaw"))?;

        warn_of_unknown_keys(&doc, &mut warnings);
        let port = doc.port("web_server.port")?.unwrap_or(8080);
        let access = Access::read(&doc, &root)?;
        let limits = Limits::read(&doc)?;
        warnings.extend(limits.warnings());
        let cors_origins = doc.texts(CORS_ORIGINS)?;
        let cors_enabled = doc.boolean("web_server.cors_enabled")?.unwrap_or(false);
        if !cors_enabled && !cors_origins.is_empty() {
            warnings.push(format!("{CORS_ORIGINS} has no effect: web_server.cors_enabled is not true"));
        }
        let useless = cors_origins.iter().filter_map(|text| Some((text, access::why_useless(text)?)));
        warnings.extend(useless.map(|(text, why)| format!("{CORS_ORIGINS}: {text:?} {why}")));
        let mut interval =
            |key: &str, default: u32, range: (u32, u32)| interval(&doc, key, default, range, &mut warnings);
        let live_interval = interval("web_server.background_refresh_interval_seconds", 30, (10, 600))?;
        let price_interval = interval("web_server.price_refresh_interval_seconds", 300, (60, 3600))?;
        let metrics_interval = interval("web_server.metrics_refresh_interval_seconds", 60, (30, 600))?;
        let process_interval = interval("web_server.coordinator_pid_check_interval_seconds", 60, (30, 300))?;
        let staleness = positive_seconds(&doc, "web_server.cache_staleness_threshold_seconds")?.unwrap_or(300.0);
        let price_deadline = match positive_seconds(&doc, "web_server.api_timeout_seconds")? {
            Some(seconds) => seconds,
            None => positive_seconds(&doc, "price_analysis.api_timeout_seconds")?.unwrap_or(30.0),
        };

        let storage = "data_storage.database_storage";
        let path = doc.text(&format!("{storage}.sqlite.path"))?.unwrap_or_else(|| "data/goodwe_energy.db".into());
        let path = root.join(path);
        let enabled = doc.boolean(&format!("{storage}.enabled"))?;
        let energy_data_dir = match doc.text("data_storage.file_storage.energy_data_dir")? {
            Some(dir) => dir,
            None => doc.text("data_storage.energy_data_dir")?.unwrap_or_else(|| "out/energy_data".into()),
        };
        let own_key = "data_storage.wattboard_database";
        let own_text = doc.text(own_key)?.unwrap_or_else(|| "data/wattboard.db".into());
        let own_database = root.join(&own_text);
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if real(&own_database) == real(&path) {
            return Err(doc.refuse(own_key, &own_text, "a file of Wattboard's own, not the coordinator's database"));
        }
        let tariff = tariff::read(&doc, tariff, &mut warnings)?;
        let log_level = match doc.text("logging.level")? {
            Some(name) => parse_log_level(&name)
                .ok_or_else(|| doc.refuse("logging.level", &name, "DEBUG, INFO, WARNING, ERROR or CRITICAL"))?,
            None => log::LevelFilter::Info,
        };
        let log_dir = doc
            .text("logging.file")?
            .and_then(|file| root.join(file).parent().map(Path::to_owned))
            .filter(|dir| dir.is_dir())
            .unwrap_or_else(|| root.join("logs"));

        let stated_capacity = stated_capacity(&doc, &mut warnings)?;
        Ok(Self {
            site: site(&doc)?,
            host: doc.text("web_server.host")?.unwrap_or_else(|| "0.0.0.0".into()),
            port,
            cors_enabled,
            cors_origins,
            access,
            limits,
            live_interval,
            price_interval,
            metrics_interval,
            process_interval,
            staleness: Duration::from_secs_f64(staleness),
            price_urls: PriceUrls::read(&doc)?,
            price_ca_file: prices::ca_file(&doc, &root)?,
            price_deadline: Duration::from_secs_f64(price_deadline),
            wants_kompas: tariff.needs_kompas() || doc.boolean("pse_peak_hours.enabled")?.unwrap_or(false),
            tariff,
            selling: prices::selling(&doc)?,
            stated_capacity,
            capacity: stated_capacity.unwrap_or(Micro::from_f64(DEFAULT_CAPACITY_KWH)),
            own_database,
            own_database_is_fixed: Path::new(&own_text).is_absolute(),
            database: (enabled != Some(false)).then_some(path),
            database_expected: enabled == Some(true),
            push: Push::read(&doc)?,
            energy_data_dir: root.join(energy_data_dir),
            out_dir: root.join("out"),
            data_dir: root.join("data"),
            log_dir,
            log_level,
            file: file.to_owned(),
            root,
            zone,
            zone_name,
            warnings,
        })
    }
}

/// Python's level names, and Rust's.
pub fn parse_log_level(name: &str) -> Option<log::LevelFilter> {
    Some(match name.to_ascii_uppercase().as_str() {
        "OFF" => log::LevelFilter::Off,
        "CRITICAL" | "FATAL" | "ERROR" => log::LevelFilter::Error,
        "WARNING" | "WARN" => log::LevelFilter::Warn,
        "INFO" => log::LevelFilter::Info,
        "DEBUG" => log::LevelFilter::Debug,
        "TRACE" => log::LevelFilter::Trace,
        _ => return None,
    })
}

fn interval(
    doc: &Doc<'_>,
    key: &str,
    default: u32,
    (least, most): (u32, u32),
    warnings: &mut Vec<String>,
) -> Result<Interval, Fault> {
    let seconds = doc.number(key)?.unwrap_or_else(|| f64::from(default));
    if seconds > OFF_ABOVE_S {
        return Ok(Interval::Off);
    }
    let clamped = seconds.clamp(f64::from(least), f64::from(most));
    if clamped != seconds {
        warnings.push(format!("{key}: {seconds} is out of its range {least} to {most}; {clamped} is used"));
    }
    Ok(Interval::Every(Duration::from_secs_f64(clamped)))
}

impl Config {
    /// What the site is called: as the config says, else as the machine is called.
    pub fn site_name(&self) -> String {
        self.site.clone().unwrap_or_else(own_name)
    }

    /// The same, for who sends rows.
    ///
    /// # Errors
    /// When the variable of the engine's token is not set.
    pub fn with_token(self) -> Result<Self, Fault> {
        match self.push.as_ref().map(|push| &push.token) {
            Some(Err(fault)) => Err(fault.clone()),
            _ => Ok(self),
        }
    }
}

/// The site's name, as it is written.
fn site(doc: &Doc<'_>) -> Result<Option<String>, Fault> {
    let key = "web_server.site";
    let Some(name) = doc.text(key)? else { return Ok(None) };
    if name.trim().is_empty() || name.len() > MAX_SITE_BYTES || name.chars().any(char::is_control) {
        let allowed = "a name of at most 64 bytes in one line, such as home";
        return Err(doc.refuse(key, &name.escape_debug().to_string(), allowed));
    }
    Ok(Some(name))
}

fn stated_capacity(doc: &Doc<'_>, warnings: &mut Vec<String>) -> Result<Option<Micro>, Fault> {
    let key = "battery_management.capacity_kwh";
    let Some(kwh) = doc.number(key)? else { return Ok(None) };
    if kwh > 0.0 && kwh <= MAX_CAPACITY_KWH {
        return Ok(Some(Micro::from_f64(kwh)));
    }
    warnings.push(format!("{key}: {kwh} is no battery's capacity; {DEFAULT_CAPACITY_KWH} is used"));
    Ok(None)
}

fn positive_seconds(doc: &Doc<'_>, key: &str) -> Result<Option<f64>, Fault> {
    match doc.number(key)? {
        Some(seconds) if seconds > 0.0 && seconds <= OFF_ABOVE_S => Ok(Some(seconds)),
        Some(seconds) => {
            Err(doc.refuse(key, &seconds.to_string(), "a number of seconds, more than 0 and at most 86400"))
        }
        None => Ok(None),
    }
}

fn warn_of_unknown_keys(doc: &Doc<'_>, warnings: &mut Vec<String>) {
    let sections: [(&str, &[&str]); 3] = [
        ("web_server", &WEB_SERVER_KEYS),
        ("web_server.auth", &Access::AUTH_KEYS),
        ("web_server.limits", &Limits::KEYS),
    ];
    for (section, known) in sections {
        for key in doc.keys(section).into_iter().filter(|key| !known.contains(key)) {
            let nearest = known.iter().min_by_key(|known| edit_distance(key, known)).copied().unwrap_or_default();
            warnings.push(format!(
                "{section}.{key} is not known here and has no effect; the nearest known key is {nearest}"
            ));
        }
    }
}

/// Levenshtein distance in bytes: how many edits make one word of the other.
fn edit_distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.bytes().enumerate() {
            let substituted = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests;
