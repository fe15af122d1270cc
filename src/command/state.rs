//! Where Wattboard's own files are, for who types a command; and who ran in place before and names a state directory later
//! keeps what was remembered: it is copied there once.

use std::fs;
use std::path::{Path, PathBuf};

use super::serve::config_path;
use crate::archive;
use crate::base::atomic_file;
use crate::base::fault::Fault;
use crate::config::Config;
use crate::push::cursor;
use crate::source::price_cache;

/// Where the packaged unit keeps them: its `StateDirectory=`. systemd tells that to the service alone.
const OF_THE_SERVICE: &str = "/var/lib/wattboard";

/// The config of a command that is typed by hand and uses Wattboard's own files. Where the installed service has some and the
/// command takes others, a warning says so.
///
/// # Errors
/// See [`Config::load`] and [`Config::keep_state`].
pub fn load(config: Option<PathBuf>, state_dir: Option<&Path>) -> Result<Config, Fault> {
    let site = Config::load(&config_path(config))?;
    let before = Files::of(&site);
    let config = site.keep_state(state_dir)?;
    if let Some(text) = of_the_service(&before, &config) {
        log::warn!("STATE: {text}");
    }
    Ok(config)
}

/// What is said where no state directory was named and the installed service has one.
pub fn of_the_service(site: &Files, config: &Config) -> Option<String> {
    elsewhere(site, config, Path::new(OF_THE_SERVICE))
}

fn elsewhere(site: &Files, config: &Config, service: &Path) -> Option<String> {
    let (now, theirs) = (Files::of(config), site.database.file_name().map(|name| service.join(name))?);
    (now == *site && now.database != theirs && theirs.exists()).then(|| {
        let (ours, service) = (now.database.display(), service.display());
        format!("{ours} is used here, the installed service has its own files in {service}: --state-dir {service} means those")
    })
}

/// Where Wattboard's own files lie.
#[derive(PartialEq, Eq)]
pub struct Files {
    database: PathBuf,
    cache: PathBuf,
    cursor: PathBuf,
}

impl Files {
    /// Those that a config names.
    pub fn of(config: &Config) -> Self {
        let beside = |name: &str| config.data_dir.join(name);
        Self { database: config.own_database.clone(), cache: beside(price_cache::FILE), cursor: beside(cursor::FILE) }
    }

    /// Pairs of old and new, those that move.
    fn moves<'a>(&'a self, to: &'a Self) -> impl Iterator<Item = (&'a Path, &'a Path)> {
        let pairs = [(&self.database, &to.database), (&self.cache, &to.cache), (&self.cursor, &to.cursor)];
        pairs.into_iter().map(|(from, to)| (from.as_path(), to.as_path())).filter(|(from, to)| {
            from != to && from.metadata().is_ok_and(|meta| meta.len() > 0) && to.symlink_metadata().is_err()
        })
    }
}

/// Copies what the site has and the state directory lacks. The site's files stay; from now on they are not read.
/// What cannot be copied is said in the log and begun anew.
pub fn take_over(site: &Files, config: &Config) {
    let now = Files::of(config);
    for (from, to) in site.moves(&now) {
        let done = if from == site.database {
            archive::take_over(from, to).map_err(|fault| fault.to_string())
        } else {
            let copied = fs::read(from).map_err(|error| format!("{}: {error}", from.display()));
            copied.and_then(|bytes| atomic_file::replace(to, &bytes).map_err(|fault| fault.to_string())).map(|()| true)
        };
        match done {
            Ok(true) => {
                let (from, to) = (from.display(), to.display());
                log::info!("STATE: {from} is copied to {to}; the first one is not used any more");
            }
            Ok(false) => {}
            Err(why) => log::warn!("STATE: {} is not taken over, a new one is begun: {why}", from.display()),
        }
    }
}

/// What `wattboard check` says of it; `None` where nothing is to be copied.
pub fn what_will_be_taken_over(site: &Files, config: &Config) -> Option<String> {
    let now = Files::of(config);
    let names: Vec<String> = site.moves(&now).map(|(from, _)| from.display().to_string()).collect();
    (!names.is_empty()).then(|| {
        let verb = if names.len() == 1 { "is" } else { "are" };
        let to = config.data_dir.display();
        format!("{} {verb} copied to {to} when the server starts, nothing being there yet", names.join(" and "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(root: &Path) -> Config {
        let tariff = "electricity_tariff: {tariff_type: g11, distribution_pricing: {g11: {type: static, price: 0.2}}}";
        Config::parse(&root.join("config/c.yaml"), tariff).unwrap()
    }

    #[test]
    fn a_command_that_passes_by_the_service_s_files_is_told() {
        let (root, service) = (tempfile::TempDir::new().unwrap(), tempfile::TempDir::new().unwrap());
        let site = Files::of(&config(root.path()));
        let told = |named: Option<&Path>| {
            let config = config(root.path()).keep_state(named).unwrap();
            elsewhere(&site, &config, &service.path().canonicalize().unwrap())
        };
        assert_eq!(told(None), None, "no service");
        fs::write(service.path().join("wattboard.db"), "").unwrap();
        let text = told(None).unwrap();
        assert!(text.contains("data/wattboard.db is used here") && text.contains("--state-dir "), "{text}");
        assert_eq!(told(Some(service.path())), None, "it is named");
        assert_eq!(told(Some(root.path())), None, "another one is named");
    }

    #[test]
    fn what_the_site_has_is_copied_once() {
        let (root, state) = (tempfile::TempDir::new().unwrap(), tempfile::TempDir::new().unwrap());
        fs::create_dir(root.path().join("data")).unwrap();
        let cache = root.path().join("data/wattboard_price_cache.json");
        fs::write(&cache, "{}").unwrap();
        fs::write(root.path().join("data/wattboard.db"), "rubbish").unwrap();
        let site = Files::of(&config(root.path()));
        take_over(&site, &config(root.path()));
        let moved = config(root.path()).keep_state(Some(state.path())).unwrap();
        let told = what_will_be_taken_over(&site, &moved).unwrap();
        assert!(told.contains("wattboard.db and ") && told.contains("are copied to"), "{told}");
        take_over(&site, &moved);
        let copy = state.path().canonicalize().unwrap().join("wattboard_price_cache.json");
        assert_eq!(fs::read(&copy).unwrap(), b"{}");
        assert!(!moved.own_database.exists(), "rubbish is not copied");
        fs::write(&cache, "{\"new\": 1}").unwrap();
        take_over(&site, &moved);
        assert_eq!(fs::read(&copy).unwrap(), b"{}", "what is there stays");
        assert_eq!(fs::read_dir(root.path().join("data")).unwrap().count(), 2);
    }
}
