//! The thread `push`: sends rows to a time series engine, and once a minute how the site is doing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::Context;
use super::ledger::SiteLedger;
use crate::base::{atomic_file, memory, thread};
use crate::config::Interval;
use crate::push::cursor::{Destination, FILE, Keeper};
use crate::push::sender::Sender;
use crate::push::{Now, Pusher, Step};
use crate::telemetry::{self, Intervals, Moment, Program};

/// How often it is told how the site is doing.
const PRESENT_EVERY: Duration = Duration::from_secs(60);
/// A clock that was set back by less goes on from where it was.
const SET_BACK_S: i64 = 60;
/// How often rows are looked for where the config says never.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// How often progress is published at most.
const TELL_EVERY: Duration = Duration::from_secs(5);
/// A day that is read, or a request, takes no longer.
const PATIENCE: Duration = Duration::from_secs(90);

/// Sends until the stop. A request that hangs then is abandoned.
pub fn run(context: &Context) {
    let config = &context.config;
    let Some(push) = &config.push else { return };
    thread::step_back();
    context.wait_for_the_others();
    let site = config.site_name();
    let file = config.data_dir.join(FILE);
    atomic_file::sweep(&file);
    let to =
        Destination { url: push.url.clone(), org: push.org.clone(), bucket: push.bucket.clone(), site: site.clone() };
    let (keeper, why) = Keeper::open(Some(file), to);
    if let Some(why) = why {
        log::warn!("PUSH: all rows are sent from the beginning: {why}");
    }
    log::info!("PUSH: rows go to {} as site {site}", push.destination());
    let sender = Sender::new(push, &context.price_roots);
    let mut pusher = Pusher::new(sender, keeper, &site, config.zone.clone(), push.destination());
    let starting = Some(Arc::new(pusher.told().clone()));
    context.cell.publish(|next| next.push = starting);
    let mut ledger = SiteLedger::new(config, Arc::clone(&context.clock), &context.shutdown);
    let every = match config.metrics_interval {
        Interval::Every(every) => every,
        Interval::Off => LOOK_EVERY,
    };
    let go_on = || {
        context.beat.busy(PATIENCE);
        !context.shutdown.is_stopping()
    };
    let (mut rows_due, mut present_due, mut told_at) = (Instant::now(), Instant::now(), None::<Instant>);
    let mut present_s = None;
    while go_on() {
        let began = Instant::now();
        let mut step = Step::Idle;
        if began >= rows_due {
            let backfill = context.cell.load().backfill;
            let summed = backfill.is_some_and(|backfill| backfill.done_days >= backfill.total_days);
            let now = Now { wall: context.clock.now(), instant: context.clock.instant(), summed };
            step = pusher.step(&mut ledger, &now, &go_on);
            rows_due = match step {
                Step::More => began,
                Step::Idle => began + every,
                Step::Pause(pause) => Instant::now() + pause,
            };
            if step == Step::Idle {
                memory::give_back();
            }
        }
        if pusher.may_present() && Instant::now() >= present_due && go_on() {
            // In step with the last time, unless that is over already.
            let (in_step, at) = (present_due + PRESENT_EVERY, Instant::now());
            present_due = if in_step > at { in_step } else { at + PRESENT_EVERY };
            let now = Now { wall: context.clock.now(), instant: context.clock.instant(), summed: false };
            let second = own_second(now.wall, &mut present_s);
            if let Step::Pause(pause) = pusher.present(&presence(context, &pusher, &now, second), &now) {
                present_due = Instant::now() + pause;
                rows_due = rows_due.max(present_due);
            }
        }
        let known = context.cell.load().push.clone();
        let is_new = known.as_deref() != Some(pusher.told());
        let is_urgent = known.as_deref().is_none_or(|known| known.state != pusher.told().state);
        if is_new && (is_urgent || step != Step::More || told_at.is_none_or(|at| at.elapsed() >= TELL_EVERY)) {
            told_at = Some(Instant::now());
            let told = Some(Arc::new(pusher.told().clone()));
            context.cell.publish(|next| next.push = told);
        }
        let due = if pusher.is_failing() { rows_due } else { rows_due.min(present_due) };
        let pause = due.saturating_duration_since(Instant::now());
        if !pause.is_zero() && !context.beat.wait(&context.shutdown, Some(pause)) {
            break;
        }
    }
    pusher.stop();
}

/// The whole second for what is told at an instant, another one than the last: an engine keeps one value of an instant,
/// and times without fractions take less of its disk.
fn own_second(at: Timestamp, last: &mut Option<i64>) -> i64 {
    let second = at.as_second();
    let next = last.map(|last| last + 1).filter(|next| *next > second && next - second < SET_BACK_S);
    *last.insert(next.unwrap_or(second))
}

/// Lines of what is so at this moment, told for a second.
fn presence(context: &Context, pusher: &Pusher, now: &Now, second: i64) -> String {
    let (snapshot, config) = (context.cell.load(), &context.config);
    let moment = Moment {
        snapshot: &snapshot,
        now: now.wall,
        instant: now.instant,
        zone: &config.zone,
        intervals: Intervals {
            live: config.live_interval,
            metrics: config.metrics_interval,
            prices: config.price_interval,
            process: config.process_interval,
        },
        // When it was started is not among what is told.
        program: Program {
            version: env!("CARGO_PKG_VERSION"),
            is_demo: false,
            started: now.instant,
            started_at: now.wall,
        },
        edge: None,
    };
    let mut text = String::new();
    for (family, samples) in telemetry::read_presence(&moment) {
        pusher.lines().family(family, &samples, second * 1000, &mut text);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presence_has_whole_seconds_and_none_twice() {
        let mut last = None;
        let mut told = |ms: i64| own_second(Timestamp::from_millisecond(ms).unwrap(), &mut last);
        assert_eq!([told(10_999), told(71_000), told(131_400)], [10, 71, 131]);
        assert_eq!(
            [told(131_900), told(131_901), told(132_500), told(135_000)],
            [132, 133, 134, 135],
            "within a second"
        );
        assert_eq!([told(100_000), told(160_000)], [136, 160], "a clock that was set back a little");
        assert_eq!([told(40_000), told(100_000)], [40, 100], "and by much");
    }
}
