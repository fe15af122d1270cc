//! Whether the coordinator runs, what this program itself takes, and what becomes of the disk.

use std::sync::Arc;
use std::time::Instant;

use super::{Context, Next, Refresher};
use crate::base::memory;
use crate::model::disk::Watch;
use crate::source::disk::DiskSource;
use crate::source::footprint;
use crate::source::process::ProcessTable;

pub struct Process {
    context: Context,
    table: ProcessTable,
    disk: DiskSource,
    watch: Watch,
    began: Instant,
}

impl Process {
    pub fn new(context: Context) -> Self {
        let table = ProcessTable::new(context.proc_root.clone());
        let disk = DiskSource::new(&context.config, context.proc_root.clone());
        let began = context.clock.instant();
        Self { context, table, disk, watch: Watch::default(), began }
    }
}

impl Refresher for Process {
    fn refresh(&mut self) -> Next {
        let started = self.context.start();
        memory::give_back();
        let (found, footprint) = (self.table.find(), footprint::measure());
        let at = started.instant.saturating_duration_since(self.began);
        let written = footprint.as_ref().ok().and_then(|found| found.written_bytes);
        let disk = Arc::new(self.watch.note(self.disk.look(at, written)));
        let attempt = self.context.finish(&started);
        self.context.cell.publish(|next| {
            next.disk.succeed(disk, attempt);
            match found {
                Ok(coordinator) => next.process.succeed(Arc::new(coordinator), attempt),
                Err(fault) => next.process.fail(&fault, attempt),
            }
            match footprint {
                Ok(footprint) => next.footprint.succeed(Arc::new(footprint), attempt),
                Err(fault) => next.footprint.fail(&fault, attempt),
            }
        });
        Next::AtInterval
    }
}
