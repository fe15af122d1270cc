//! The edge's manners, seen by well-behaved clients: what HTTP promises, and how a stop looks from outside.

mod edge;

use std::io::{Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use edge::{BIG, Client, PATIENCE, Server, eventually};
use wattboard::http::Limits;
use wattboard::http::message::{Bytes, ready};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn a_connection_serves_many_requests() {
    let server = Server::usual();
    let mut client = server.connect();
    for number in 0..500 {
        let answer = client.ask(&format!("GET /x?{number} HTTP/1.1\r\nHost: a\r\n\r\n")).unwrap();
        assert_eq!(answer.text(), format!("/x?{number} for a"));
        assert_eq!(answer.header("Connection"), None);
    }
    let answer = client.ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    assert_eq!(answer.header("Connection"), Some("close"));
    assert!(client.is_at_end());
    let counters = server.count();
    assert_eq!((counters.accepted, counters.requests, counters.answers_2xx), (1, 501, 501));
    server.stop();
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = Server::usual();
    let mut client = server.connect();
    // More than the input buffer holds, and more than one turn of a worker; large answers in between.
    let count = 600;
    let mut requests = String::new();
    for number in 0..count {
        let path = if number % 150 == 7 { "/middle" } else { "/x" };
        requests.push_str(&format!("GET {path}?{number} HTTP/1.1\r\nHost: a\r\n\r\n"));
    }
    let mut sender = client.socket.try_clone().unwrap();
    let sending = std::thread::spawn(move || sender.write_all(requests.as_bytes()).unwrap());
    for number in 0..count {
        let answer = client.answer(false).unwrap();
        if number % 150 == 7 {
            assert_eq!(answer.body.len(), 100_000);
        } else {
            assert_eq!(answer.text(), format!("/x?{number} for a"));
        }
    }
    sending.join().unwrap();
    server.stop();
}

#[test]
fn a_head_may_come_byte_by_byte() {
    let server = Server::usual();
    let mut client = server.connect();
    for byte in GET.chars() {
        client.send(&byte.to_string());
    }
    assert_eq!(client.answer(false).unwrap().status, 200);
    server.stop();
}

#[test]
fn http_1_0_closes_unless_asked_not_to() {
    let server = Server::usual();
    let mut client = server.connect();
    let answer = client.ask("GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").unwrap();
    assert!(answer.head.starts_with("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n"), "{}", answer.head);
    assert_eq!(answer.text(), "/x? for nobody");
    let answer = client.ask("GET /y HTTP/1.0\r\n\r\n").unwrap();
    assert_eq!((answer.text().as_str(), answer.header("Connection")), ("/y? for nobody", Some("close")));
    assert!(client.is_at_end());
    server.stop();
}

#[test]
fn methods_are_three() {
    let server = Server::usual();
    let mut client = server.connect();
    let answer = client.ask("HEAD /big HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert_eq!((answer.status, answer.header("Content-Length")), (200, Some(BIG.to_string().as_str())));
    let answer = client.ask("OPTIONS /x HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert_eq!((answer.status, answer.header("Content-Length")), (204, None));
    let answer = client.ask("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert_eq!(answer.status, 204);
    for method in ["POST", "PUT", "DELETE", "TRACE", "PATCH", "BREW"] {
        let answer = server.connect().ask(&format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n")).unwrap();
        assert_eq!((answer.status, answer.header("Allow")), (405, Some("GET, HEAD, OPTIONS")), "{method}");
        let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(body["code"], "method_not_allowed");
    }
    server.stop();
}

#[test]
fn absolute_targets_and_polite_expectations_are_understood() {
    let server = Server::usual();
    let mut client = server.connect();
    let answer = client.ask("GET http://pi.local:8080/x?y HTTP/1.1\r\nHost: other\r\n\r\n").unwrap();
    assert_eq!(answer.text(), "/x?y for pi.local:8080");
    let answer = client.ask("GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n").unwrap();
    assert_eq!(answer.status, 200);
    server.stop();
}

#[test]
fn half_closed_clients_get_their_answers() {
    let server = Server::usual();
    for requests in [1, 3] {
        let mut client = server.connect();
        client.send(&GET.repeat(requests));
        client.socket.shutdown(Shutdown::Write).unwrap();
        for _ in 0..requests {
            assert_eq!(client.answer(false).unwrap().status, 200);
        }
        assert!(client.is_at_end());
    }
    let mut slow = server.connect_narrow();
    slow.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    slow.socket.shutdown(Shutdown::Write).unwrap();
    assert_eq!(slow.answer(false).unwrap().body.len(), BIG);
    assert!(slow.is_at_end());
    server.stop();
}

#[test]
fn a_slow_reader_gets_every_byte_while_others_are_served() {
    let server = Server::with(Limits::default(), 1);
    let mut slow = server.connect_narrow();
    slow.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\nGET /after HTTP/1.1\r\nHost: a\r\n\r\n");
    eventually("the answer is stuck", || server.count().slow_writes == 1);
    for _ in 0..100 {
        server.assert_serves();
    }
    let answer = slow.answer(false).unwrap();
    assert!(answer.body.iter().enumerate().all(|(at, byte)| *byte == (at % 251) as u8));
    assert_eq!(slow.answer(false).unwrap().text(), "/after? for a");
    server.stop();
}

#[test]
fn the_idle_and_the_slow_are_closed_in_their_time() {
    let quick = Duration::from_millis(80);
    let limits = Limits { idle_time: quick, head_time: quick, write_time: quick, ..Limits::default() };
    let server = Server::with(limits, 1);
    let mut idle = server.connect();
    let mut used = server.connect();
    assert_eq!(used.ask(GET).unwrap().status, 200);
    let mut half = server.connect();
    half.send("GET / HT");
    let mut stuck = server.connect_narrow();
    stuck.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(idle.is_at_end() && used.is_at_end());
    assert_eq!(half.answer(false).unwrap().status, 408);
    assert!(half.is_at_end());
    drop(half);
    eventually("all are closed", || server.count().open() == 0);
    let counters = server.count();
    assert_eq!((counters.closed_idle, counters.closed_slow_head, counters.closed_slow_reader), (2, 1, 1));
    server.stop();
}

#[test]
fn a_full_queue_is_answered_503() {
    let server = Server::with(Limits { queue: 1, ..Limits::default() }, 1);
    let mut working = server.connect();
    working.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    server.begun.recv_timeout(PATIENCE).unwrap();
    let mut queued = server.connect();
    queued.send(GET);
    eventually("a request waits", || server.count().accepted == 2);
    let mut refused = server.connect();
    let answer = refused.ask(GET).unwrap();
    assert_eq!((answer.status, answer.header("Retry-After")), (503, Some("1")));
    assert!(refused.is_at_end());
    server.go_on.send(()).unwrap();
    assert_eq!(working.answer(false).unwrap().text(), "waited");
    assert_eq!(queued.answer(false).unwrap().status, 200);
    server.assert_serves();
    server.stop();
}

#[test]
fn detached_answers_have_threads_of_their_own_up_to_a_number() {
    let server = Server::with(Limits { detached: 2, ..Limits::default() }, 1);
    let mut clients: Vec<Client> = (0..2).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send("GET /detach HTTP/1.1\r\nHost: a\r\n\r\n");
        server.begun.recv_timeout(PATIENCE).unwrap();
    }
    let mut third = server.connect();
    let answer = third.ask("GET /detach HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert_eq!((answer.status, answer.header("Retry-After")), (503, Some("1")));
    assert_eq!(third.ask(GET).unwrap().status, 200, "the connection stays");
    server.assert_serves();
    for client in &mut clients {
        server.go_on.send(()).unwrap();
        // Bytes that nobody reads must not cut the answer.
        client.send("GET / HTTP/1.1\r\n");
    }
    for client in &mut clients {
        let answer = client.answer(false).unwrap();
        assert!(answer.body.len() == BIG && answer.body.iter().all(|byte| *byte == b'd'));
        assert!(client.is_at_end());
    }
    drop(clients);
    eventually("their places are free", || server.count().closed_left == 2);
    assert!(server.connect().ask("GET /detach-panic HTTP/1.1\r\nHost: a\r\n\r\n").is_none());
    eventually("the panic is counted", || server.count().panics == 1 && server.count().closed_left == 3);
    server.assert_serves();
    server.stop();
}

#[test]
fn a_detached_answer_that_nobody_takes_is_given_up() {
    let write_time = Duration::from_millis(300);
    let server = Server::with(Limits { detached: 1, write_time, ..Limits::default() }, 1);
    let mut stuck = server.connect();
    stuck.send("GET /detach HTTP/1.1\r\nHost: a\r\n\r\n");
    server.go_on.send(()).unwrap();
    server.begun.recv_timeout(PATIENCE).unwrap();
    let mut next = server.connect();
    eventually("its place is free", || {
        next.send("GET /detach HTTP/1.1\r\nHost: a\r\n\r\n");
        let refused = server.begun.recv_timeout(Duration::from_millis(50)).is_err();
        if refused {
            assert_eq!(next.answer(false).unwrap().status, 503);
        }
        !refused
    });
    server.go_on.send(()).unwrap();
    assert_eq!(next.answer(false).unwrap().body.len(), BIG);
    let mut taken = Vec::new();
    let _ = stuck.socket.read_to_end(&mut taken);
    assert!(taken.len() < BIG, "{}", taken.len());
    server.stop();
}

#[test]
fn a_detached_answer_that_nobody_takes_does_not_delay_the_stop() {
    let server = Server::usual();
    let mut stuck = server.connect();
    stuck.send("GET /detach HTTP/1.1\r\nHost: a\r\n\r\n");
    server.go_on.send(()).unwrap();
    server.begun.recv_timeout(PATIENCE).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let started = Instant::now();
    server.stop();
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
}

#[test]
fn an_answer_that_is_cut_breaks_its_connection() {
    let server = Server::usual();
    for minor in [0, 1] {
        let mut client = server.connect();
        client.send(&format!("GET /detach-cut HTTP/1.{minor}\r\nHost: a\r\n\r\n"));
        let mut text = Vec::new();
        let ended = client.socket.read_to_end(&mut text);
        assert_eq!(ended.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset, "no client takes it for whole");
        let text = String::from_utf8(text).unwrap();
        assert!(text.is_empty() || text.ends_with(&format!("asked in 1.{minor}")), "{text}");
    }
    eventually("both are closed", || server.count().closed_broken == 2);
    server.assert_serves();
    server.stop();
}

#[test]
fn given_connections_live_with_their_new_owner() {
    let server = Server::usual();
    let mut client = server.connect();
    client.send("GET /give HTTP/1.1\r\nHost: a\r\n\r\n");
    let given = server.given.recv_timeout(PATIENCE).unwrap();
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    assert_eq!(given.send(&[std::io::IoSlice::new(answer)]).unwrap(), answer.len());
    assert_eq!(client.answer(false).unwrap().text(), "hi");
    assert_eq!((server.count().event_streams, server.count().closed_left, server.count().open()), (1, 0, 1));
    drop(given);
    assert!(client.is_at_end());
    eventually("its place is free", || server.count().closed_left == 1 && server.count().event_streams == 0);
    server.stop();
}

#[test]
fn answers_that_come_later_hold_no_worker_and_keep_their_place() {
    let server = Server::with(Limits::default(), 1);
    let mut client = server.connect();
    client.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n");
    let pending = server.pending.recv_timeout(PATIENCE).unwrap();
    server.assert_serves();
    pending.complete(ready(200, "text/plain", Bytes::Owned(b"at last".to_vec())));
    assert_eq!(client.answer(false).unwrap().text(), "at last");
    assert_eq!(client.answer(false).unwrap().text(), "/next? for a");
    client.send("HEAD /later HTTP/1.1\r\nHost: a\r\n\r\n");
    let pending = server.pending.recv_timeout(PATIENCE).unwrap();
    pending.complete(ready(200, "text/plain", Bytes::Owned(vec![b'x'; BIG])));
    let head = client.answer(true).unwrap();
    assert_eq!(head.header("Content-Length"), Some(&*BIG.to_string()));
    // Nobody answers: the client hears of it, and its connection goes on.
    for path in ["/later-dropped", "/later-panic"] {
        let answer = client.ask(&format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")).unwrap();
        assert_eq!((answer.status, answer.header("Retry-After")), (503, Some("1")));
    }
    // A slow reader of a late answer is the door's to serve.
    let mut slow = server.connect_narrow();
    slow.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    let pending = server.pending.recv_timeout(PATIENCE).unwrap();
    pending.complete(ready(200, "text/plain", Bytes::Owned(vec![b'x'; BIG])));
    server.assert_serves();
    assert_eq!(slow.answer(false).unwrap().body.len(), BIG);
    // One that left meanwhile costs nothing.
    let mut gone = server.connect();
    gone.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    let pending = server.pending.recv_timeout(PATIENCE).unwrap();
    drop(gone);
    pending.complete(ready(200, "text/plain", Bytes::Owned(vec![b'x'; BIG])));
    drop((client, slow));
    eventually("all connections are closed", || server.count().open() == 0);
    server.stop();
}

#[test]
fn a_stop_waits_for_late_answers_but_not_for_ever() {
    let server = Server::usual();
    let (mut answered, mut forgotten) = (server.connect(), server.connect());
    for client in [&mut answered, &mut forgotten] {
        client.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    let first = server.pending.recv_timeout(PATIENCE).unwrap();
    let second = server.pending.recv_timeout(PATIENCE).unwrap();
    server.trigger.stop();
    first.complete(ready(200, "text/plain", Bytes::Owned(b"in time".to_vec())));
    drop(second);
    let mut texts = [answered.answer(false).unwrap().text(), forgotten.answer(false).unwrap().text()];
    texts.sort();
    assert!(texts[0] == "in time" && texts[1].starts_with("{\"code\":\"busy\""), "{texts:?}");
    server.finish();
}

#[test]
fn a_stop_closes_idle_connections_at_once() {
    let server = Server::usual();
    let mut idle: Vec<Client> = (0..10).map(|_| server.connect()).collect();
    assert!(idle.iter_mut().all(|client| client.ask(GET).is_some()));
    let started = Instant::now();
    server.stop();
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    assert!(idle.iter_mut().all(Client::is_at_end));
}

#[test]
fn a_stop_finishes_what_is_under_way() {
    let server = Server::with(Limits::default(), 1);
    let mut working = server.connect();
    working.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    server.begun.recv_timeout(PATIENCE).unwrap();
    let mut reading = server.connect_narrow();
    reading.send("GET /middle HTTP/1.1\r\nHost: a\r\n\r\n");
    eventually("it waits", || server.count().accepted == 2);
    server.trigger.stop();
    eventually("nobody new is let in", || std::net::TcpStream::connect(server.addr).is_err());
    server.go_on.send(()).unwrap();
    let answer = working.answer(false).unwrap();
    assert_eq!((answer.text().as_str(), answer.header("Connection")), ("waited", Some("close")));
    assert_eq!(reading.answer(false).unwrap().body.len(), 100_000);
    server.finish();
}

#[test]
fn a_stop_under_load_cuts_no_answer() {
    for _ in 0..5 {
        let server = Server::usual();
        let addr = server.addr;
        let clients: Vec<_> = (0..8)
            .map(|_| {
                std::thread::spawn(move || {
                    let mut answers = 0;
                    // Every answer that begins must end: `ask` panics when one is cut.
                    while let Ok(socket) = std::net::TcpStream::connect(addr) {
                        let mut client = Client::new(socket);
                        while client.socket.write_all(b"GET /middle HTTP/1.1\r\nHost: a\r\n\r\n").is_ok() {
                            match client.answer(false) {
                                Some(answer) => assert_eq!(answer.body.len(), 100_000),
                                None => break,
                            }
                            answers += 1;
                        }
                    }
                    answers
                })
            })
            .collect();
        eventually("they are busy", || server.count().requests > 200);
        let started = Instant::now();
        server.stop();
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
        assert!(clients.into_iter().map(|client| client.join().unwrap()).sum::<usize>() > 0);
    }
}
