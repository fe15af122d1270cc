//! Whether the coordinator runs, and what this program itself takes.

use std::sync::Arc;

use super::{Context, Next, Refresher};
use crate::base::memory;
use crate::source::footprint;
use crate::source::process::ProcessTable;

pub struct Process {
    context: Context,
    table: ProcessTable,
}

impl Process {
    pub fn new(context: Context) -> Self {
        let table = ProcessTable::new(context.proc_root.clone());
        Self { context, table }
    }
}

impl Refresher for Process {
    fn refresh(&mut self) -> Next {
        let started = self.context.start();
        memory::give_back();
        let (found, footprint) = (self.table.find(), footprint::measure());
        let attempt = self.context.finish(&started);
        self.context.cell.publish(|next| {
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
