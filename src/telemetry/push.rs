//! The sending of rows to a time series engine; nothing where none are sent.

use super::{Family, Moment, counter, flag, gauge, seconds};
use crate::model::push::Push;

pub const FAMILIES: &[Family] = &[
    gauge(
        "wattboard_push_up",
        "",
        &[],
        "1 while the engine takes what is sent, 0 while it does not, or nothing was sent yet.",
        |m, out| {
            out.put(push(m).and_then(|push| flag(push.failures == 0 && push.last_success.is_some())));
        },
    ),
    gauge(
        "wattboard_push_lag_seconds",
        "seconds",
        &[],
        "How old the oldest row is that is still to be sent; 0 when all are sent.",
        |m, out| out.put(push(m).and_then(|push| push.lag_s(m.now))),
    ),
    gauge(
        "wattboard_push_success_timestamp_seconds",
        "seconds",
        &[],
        "When the engine last took anything.",
        |m, out| out.put(push(m).and_then(|push| push.last_success).map(seconds)),
    ),
    gauge("wattboard_push_failures", "", &[], "Failed attempts in a row.", |m, out| {
        out.put(push(m).map(|push| push.failures.into()));
    }),
    counter(
        "wattboard_push_rows",
        "",
        &[],
        "Lines that the engine took; sent again, a line counts again.",
        |m, out| {
            out.put(push(m).map(|push| push.rows_sent as f64));
        },
    ),
    counter("wattboard_push_rejected_rows", "", &[], "Lines that the engine refused for good.", |m, out| {
        out.put(push(m).map(|push| push.rows_rejected as f64));
    }),
];

fn push<'a>(moment: &Moment<'a>) -> Option<&'a Push> {
    moment.snapshot.push.as_deref()
}
