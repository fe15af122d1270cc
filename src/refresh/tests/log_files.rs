//! The thread that reads the logs.

use super::*;

#[test]
fn a_look_at_unchanged_logs_shows_in_their_age_and_is_told_nobody() {
    let bench = Bench::new("2026-11-22T12:00:00Z", "");
    fs::create_dir_all(&bench.context.config.log_dir).unwrap();
    fs::write(bench.context.config.log_dir.join("data.log"), "one\n").unwrap();
    let mut logs = logs::Reader::new(bench.context.clone());
    let age = || {
        let known = bench.context.cell.load();
        (known.publication, known.logs.age(bench.context.clock.instant()))
    };
    logs.look();
    assert_eq!(age(), (1, Some(Duration::ZERO)));
    for _ in 0..50 {
        bench.clock.advance(Duration::from_secs(2));
        assert_eq!(age(), (1, Some(Duration::from_secs(2))), "a hang shows");
        logs.look();
        assert_eq!(age(), (1, Some(Duration::ZERO)));
    }
    // What is published meanwhile keeps it.
    bench.context.cell.publish(|next| next.live.failures = 1);
    assert_eq!(age(), (2, Some(Duration::ZERO)));
    fs::write(bench.context.config.log_dir.join("data.log"), "one\ntwo\n").unwrap();
    logs.look();
    assert_eq!(age(), (3, Some(Duration::ZERO)));
}

#[test]
fn what_a_large_log_had_before_is_found_whenever_it_comes() {
    let bench = Bench::new("2026-11-22T12:00:00Z", "");
    let folder = bench.context.config.log_dir.clone();
    fs::create_dir_all(&folder).unwrap();
    bench.context.cell.publish(|next| {
        let attempt =
            Attempt { at: bench.context.clock.now(), instant: bench.context.clock.instant(), took: Duration::ZERO };
        next.live.fail(&Fault::io("x"), attempt);
        next.metrics.fail(&Fault::io("x"), attempt);
    });
    let text = format!(
        "2026-11-22 12:00:00,000 - m - ERROR - early\n{}",
        "2026-11-22 12:01:00,000 - m - INFO - x\n".repeat(50_000)
    );
    let reader = logs::Reader::new(bench.context.clone());
    let thread = std::thread::spawn(move || reader.run());
    for name in ["a.log", "b.log"] {
        fs::write(folder.join(name), &text).unwrap();
        let began = Instant::now();
        let found = || {
            let logs = bench.context.cell.load().logs.value.clone()?;
            logs.files.iter().find(|file| file.name == name).map(|file| file.held.older.len())
        };
        while found() != Some(1) {
            assert!(began.elapsed() < Duration::from_secs(30), "{name}: {:?}", found());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    bench.trigger.stop();
    thread.join().unwrap();
}
