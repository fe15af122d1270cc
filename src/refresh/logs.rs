//! The tails of the log files. Published only when something in the folder changed; that it was looked at shows without.

use std::sync::Arc;

use super::{Context, Next, Refresher};
use crate::source::log_files::LogFolder;

pub struct Logs {
    context: Context,
    folder: LogFolder,
}

impl Logs {
    pub fn new(context: Context) -> Self {
        let folder = LogFolder::new(context.config.log_dir.clone());
        Self { context, folder }
    }
}

impl Refresher for Logs {
    fn refresh(&mut self) -> Next {
        let started = self.context.start();
        let found = self.folder.poll();
        let attempt = self.context.finish(&started);
        let known = self.context.cell.load();
        match found {
            Ok(logs) => {
                if known.logs.value.as_deref() != Some(&logs) || known.logs.error.is_some() {
                    self.context.cell.publish(|next| next.logs.succeed(Arc::new(logs), attempt));
                } else {
                    known.logs.confirm_quietly(attempt);
                }
            }
            Err(fault) => {
                if known.logs.error.as_deref() != Some(fault.to_string().as_str()) {
                    log::warn!("LOGS: {fault}");
                    self.context.cell.publish(|next| next.logs.fail(&fault, attempt));
                }
            }
        }
        Next::AtInterval
    }
}
