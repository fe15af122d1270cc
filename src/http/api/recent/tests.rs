//! Who asks what, and what is looked up for them.

use std::sync::mpsc::{Receiver, channel};

use serde_json::json;

use crate::base::fault::Fault;
use crate::http::api::tests::Bench;
use crate::http::later::Pending;
use crate::http::message::{Answer, Body, Handler, Method, Request, Response, body_of};
use std::time::Duration;

const ENERGY: &str = "/api/v1/energy";

fn request(query: &str, headers: &[(&str, &str)]) -> Request {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Request { method: Method::Get, path: ENERGY.into(), query: query.into(), headers, peer: [127, 0, 0, 1].into() }
}

/// Hands a request over; nothing is looked up yet.
fn wait(bench: &Bench, request: &Request) -> Receiver<Response<Body>> {
    let Answer::Later(hand_over) = bench.api.handle(request) else { panic!("it was answered at once") };
    let (told, heard) = channel();
    hand_over(Pending::told_to(told));
    heard
}

fn look_up(bench: &Bench) -> usize {
    bench.inquiries.try_iter().map(|inquiry| inquiry(&mut *bench.books.borrow_mut())).count()
}

#[test]
fn the_same_question_has_one_answer_for_ten_seconds() {
    let bench = Bench::new("");
    let first = bench.ask_with(ENERGY, Method::Get, &[]);
    assert_eq!((first.0, bench.books.borrow().asked), (200, 1));
    // In other words, with what means nothing.
    for same in ["?by=day", "?by=day&x=1", "?to=2026-11-22&from=2026-11-01"] {
        assert_eq!(bench.ask_with(&format!("{ENERGY}{same}"), Method::Get, &[]).2, first.2, "{same}");
    }
    assert_eq!(bench.books.borrow().asked, 1);
    bench.ask("/api/v1/energy?by=month");
    bench.ask("/api/v1/prices?day=2026-10-01");
    bench.ask("/api/v1/prices?day=2026-10-01");
    assert_eq!(bench.books.borrow().asked, 3);
    bench.clock.advance(Duration::from_millis(9_999));
    bench.ask(ENERGY);
    assert_eq!(bench.books.borrow().asked, 3);
    bench.clock.advance(Duration::from_millis(1));
    assert_ne!(bench.ask_with(ENERGY, Method::Get, &[]).2, first.2, "it tells its time");
    assert_eq!(bench.books.borrow().asked, 4);
}

#[test]
fn who_asks_meanwhile_waits_for_the_same_answer_each_in_his_own_form() {
    let bench = Bench::new("");
    let plain = wait(&bench, &request("", &[]));
    let packed = wait(&bench, &request("by=day", &[("accept-encoding", "gzip")]));
    let other = wait(&bench, &request("by=year", &[]));
    assert!(plain.try_recv().is_err());
    assert_eq!(look_up(&bench), 2);
    let (plain, packed) = (plain.try_recv().unwrap(), packed.try_recv().unwrap());
    assert!(other.try_recv().is_ok());
    let sent = |response: &Response<Body>, name: &'static str| {
        response.headers().iter().find(|header| header.field.equiv(name)).map(|header| header.value.to_string())
    };
    let (tag, tag_packed) = (sent(&plain, "ETag").unwrap(), sent(&packed, "ETag").unwrap());
    assert_eq!(tag_packed, format!("{}-gz\"", tag.trim_end_matches('"')));
    assert_eq!((sent(&plain, "Content-Encoding"), sent(&packed, "Content-Encoding")), (None, Some("gzip".into())));
    assert!(body_of(plain).starts_with(b"{") && body_of(packed).starts_with(&[0x1f, 0x8b]));
    // Who has it already is told so, at once or after waiting.
    bench.clock.advance(Duration::from_secs(11));
    let known = [("if-none-match", &*tag)];
    bench.clock.set_wall("2026-11-22T13:00:00Z".parse().unwrap());
    let waited = wait(&bench, &request("", &known));
    look_up(&bench);
    assert_eq!(waited.try_recv().unwrap().status_code().0, 304);
    assert_eq!(bench.ask_with(ENERGY, Method::Get, &known).0, 304);
}

#[test]
fn failures_are_not_kept_and_nobody_is_forgotten() {
    let bench = Bench::new("");
    bench.books.borrow_mut().fault = Some(Fault::timeout("it did not answer in time"));
    let (status, headers, body) = bench.ask_with(ENERGY, Method::Get, &[]);
    let error = serde_json::from_slice::<serde_json::Value>(&body).unwrap();
    assert_eq!((status, &error["code"]), (503, &json!("busy")));
    assert_eq!(error["error"], "the past cannot be looked up: it did not answer in time");
    assert!(headers.contains(&"Retry-After: 2".to_owned()) && !headers.iter().any(|line| line.starts_with("ETag")));
    bench.books.borrow_mut().fault = None;
    assert_eq!(bench.ask(ENERGY).0, 200);

    // Eight questions have room; the ninth is refused at once, and whoever asks it too.
    let heard: Vec<_> =
        (2001..=2009).map(|year| wait(&bench, &request(&format!("by=year&from={year}-01-01"), &[]))).collect();
    let refused = heard[8].try_recv().unwrap();
    assert_eq!((refused.status_code().0, heard[7].try_recv().is_err()), (503, true));
    let again = wait(&bench, &request("by=year&from=2001-01-01", &[]));
    assert_eq!(look_up(&bench), 8);
    assert!(heard[..8].iter().chain([&again]).all(|heard| heard.try_recv().unwrap().status_code().0 == 200));
    // Whose question is lost is answered too.
    let lost = wait(&bench, &request("by=year&from=2010-01-01", &[]));
    let beside = wait(&bench, &request("by=year&from=2010-01-01", &[]));
    drop(bench.inquiries.try_recv().unwrap());
    assert!([lost, beside].iter().all(|heard| heard.try_recv().unwrap().status_code().0 == 503));
}

#[test]
fn it_does_not_grow_however_it_is_asked() {
    let bench = Bench::new("");
    for year in 2000..=2090 {
        assert_eq!(bench.ask(&format!("{ENERGY}?by=day&from={year}-01-01&to={year}-12-31")).0, 200);
        let kept = bench.api.recent.kept.lock();
        let bytes: usize = kept.values().map(super::Kept::bytes).sum();
        assert!(kept.len() <= super::MOST && bytes <= super::MOST_BYTES, "{} {bytes}", kept.len());
    }
    assert_eq!(bench.books.borrow().asked, 91);
}
