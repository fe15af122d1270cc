//! The edge under attack: clients that lie, stall, vanish, or come in numbers. Whatever they do, others are served.

#![allow(clippy::unwrap_used, reason = "clippy sees no test in functions beside the tests")]

mod edge;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use edge::{Client, PATIENCE, Server, eventually};
use parking_lot::{Mutex, MutexGuard};
use wattboard::http::Limits;

/// One siege at a time: they count threads and descriptors of the whole process.
fn alone() -> MutexGuard<'static, ()> {
    static SIEGE: Mutex<()> = Mutex::new(());
    SIEGE.lock()
}

fn edge_threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    tasks
        .filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok())
        .filter(|name| name.starts_with("http-") || name.starts_with("door"))
        .count()
}

/// As many descriptors as a siege may use: 2000, or what the system allows.
fn many() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let soft: usize = line.split_whitespace().nth(3).unwrap().parse().unwrap_or(usize::MAX);
    2000.min(soft.saturating_sub(600))
}

#[test]
fn bodies_are_refused_by_their_header() {
    let _alone = alone();
    let server = Server::usual();
    for (head, status) in [
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000000\r\n\r\n", 413),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n", 413),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
    ] {
        let mut client = server.connect();
        client.send(head);
        // A part of the body is on its way already; the answer must survive that.
        let _ = client.socket.write_all(&[b'b'; 100_000]);
        let answer = client.answer(false).unwrap();
        assert_eq!((answer.status, answer.header("Connection")), (status, Some("close")), "{head:?}");
        assert!(client.is_at_end());
    }
    server.assert_serves();
    server.stop();
}

#[test]
fn a_fresh_server_serves_six_connections_at_once() {
    let _alone = alone();
    for _ in 0..100 {
        let server = Server::usual();
        let mut clients: Vec<Client> = (0..6).map(|_| server.connect()).collect();
        clients.iter_mut().for_each(|client| client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert!(clients.iter_mut().all(|client| client.answer(false).unwrap().status == 200));
        server.stop();
    }
}

#[test]
fn a_head_without_end_is_cut_short() {
    let _alone = alone();
    let server = Server::usual();
    for (start, line, status) in
        [("GET / HTTP/1.1\r\nHost: a\r\n", "X: yyyyyyyyyyyyyyyyyyyyyyyyy\r\n", 431), ("GET /", "xxxxxxxxxxxxxxxx", 414)]
    {
        let mut client = server.connect();
        client.send(start);
        // The server listens a while so that the client can read the answer, then it goes.
        let mut sent = 0;
        while sent < 64 * 1024 * 1024 && client.socket.write_all(line.repeat(1000).as_bytes()).is_ok() {
            sent += line.len() * 1000;
        }
        assert!(sent < 64 * 1024 * 1024, "{sent} bytes were taken");
        let mut reader = server.connect();
        reader.send(start);
        reader.send(&line.repeat(10_000 / line.len()));
        assert_eq!(reader.answer(false).unwrap().status, status);
        assert!(reader.is_at_end());
    }
    server.assert_serves();
    server.stop();
}

#[test]
fn malformed_heads_are_answered_400_and_closed() {
    let _alone = alone();
    let server = Server::usual();
    let hundred = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(100));
    for (head, status) in [
        ("GET / HTTP/1.1\nHost: a\n\n", 400),
        ("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        ("\u{16}\u{3}\u{1}\u{2}\0\u{1}\0", 400),
        (hundred.as_str(), 431),
    ] {
        let mut client = server.connect();
        let answer = client.ask(head).unwrap();
        assert_eq!((answer.status, answer.header("Connection")), (status, Some("close")), "{head:?}");
        let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert!(body["error"].is_string() && body["code"].is_string());
        assert!(client.is_at_end(), "{head:?}");
    }
    assert_eq!(server.count().bad_heads, 9);
    server.stop();
}

#[test]
fn half_heads_and_silent_clients_hold_nobody_up() {
    let _alone = alone();
    let server = Server::usual();
    // A thread takes its name when it first runs.
    eventually("door, bell and two workers run", || edge_threads() == 4);
    let half: Vec<Client> = (0..300)
        .map(|_| {
            let mut client = server.connect();
            // Those that were closed for newer ones may notice while they send.
            let _ = client.socket.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n");
            client
        })
        .collect();
    server.assert_serves();
    let silent: Vec<TcpStream> = (0..many()).map(|_| TcpStream::connect(server.addr).unwrap()).collect();
    server.assert_serves();
    eventually("all were accepted", || server.count().accepted as usize == half.len() + silent.len() + 2);
    let counters = server.count();
    assert!(counters.open() <= 256 && counters.turned_away == 0, "{counters:?}");
    assert_eq!(edge_threads(), 4);
    server.stop();
}

#[test]
fn slow_readers_and_unsent_bodies_hold_no_worker() {
    let _alone = alone();
    let server = Server::usual();
    let mut slow: Vec<Client> = (0..8).map(|_| server.connect_narrow()).collect();
    slow.iter_mut().for_each(|client| client.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n"));
    eventually("all are stuck", || server.count().slow_writes == 8);
    let mut unsent: Vec<Client> = (0..8).map(|_| server.connect()).collect();
    unsent.iter_mut().for_each(|client| client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n"));
    for _ in 0..20 {
        server.assert_serves();
    }
    assert!(unsent.iter_mut().all(|client| client.answer(false).unwrap().status == 413));
    drop(slow);
    drop(unsent);
    eventually("they are gone", || server.count().open() == 0);
    server.stop();
}

#[test]
fn a_busy_client_cannot_starve_others() {
    let _alone = alone();
    let server = Server::with(Limits::default(), 1);
    let mut busy = server.connect();
    let mut sender = busy.socket.try_clone().unwrap();
    let sending = std::thread::spawn(move || {
        let requests = "GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(200);
        while sender.write_all(requests.as_bytes()).is_ok() {}
    });
    for _ in 0..1000 {
        assert!(busy.answer(false).is_some());
    }
    let mut reader = busy.socket.try_clone().unwrap();
    let reading = std::thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
    for _ in 0..50 {
        server.assert_serves();
    }
    busy.socket.shutdown(std::net::Shutdown::Both).unwrap();
    sending.join().unwrap();
    let _ = reading.join().unwrap();
    server.stop();
}

#[test]
fn resets_are_taken_calmly() {
    let _alone = alone();
    let server = Server::usual();
    for number in 0..2000 {
        let mut socket = TcpStream::connect(server.addr).unwrap();
        match number % 4 {
            0 => {}
            1 => socket.write_all(b"GET / HT").unwrap(),
            2 => socket.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap(),
            _ => socket.write_all(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n").unwrap(),
        }
        socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap();
    }
    eventually("all are gone", || server.count().open() == 0);
    server.assert_serves();
    assert_eq!(server.count().panics, 0);
    server.stop();
}

#[test]
fn a_panic_costs_one_answer() {
    let _alone = alone();
    let server = Server::usual();
    for number in 1..=20 {
        let mut client = server.connect();
        let answer = client.ask("GET /panic HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        assert_eq!((answer.status, answer.header("Connection")), (500, Some("close")));
        assert!(client.is_at_end());
        assert_eq!(server.count().panics, number);
    }
    server.assert_serves();
    server.stop();
}

#[test]
fn full_houses_make_room_for_new_people() {
    let _alone = alone();
    let server = Server::with(Limits { connections: 4, ..Limits::default() }, 1);
    let mut clients: Vec<Client> = Vec::new();
    for _ in 0..12 {
        let mut client = server.connect();
        assert_eq!(client.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap().status, 200);
        clients.push(client);
    }
    let (old, new) = clients.split_at_mut(8);
    assert!(old.iter_mut().all(Client::is_at_end), "the longest idle ones have gone");
    assert!(new.iter_mut().all(|client| client.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").is_some()));
    assert_eq!((server.count().closed_evicted, server.count().turned_away), (8, 0));
    server.stop();
}

#[test]
fn newcomers_wait_outside_while_everybody_has_just_come() {
    let _alone = alone();
    // Six hundred clients at once had closed one another's connections before any of them was served.
    let server = Server::with(Limits { connections: 4, grace: PATIENCE, ..Limits::default() }, 1);
    let mut inside: Vec<Client> = (0..4).map(|_| server.connect()).collect();
    eventually("all are in", || server.count().open() == 4);
    let mut outside = server.connect();
    outside.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(inside.iter_mut().all(|client| client.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").is_some()));
    assert_eq!(server.count().requests, 4);
    drop(inside.pop());
    assert_eq!(outside.answer(false).unwrap().status, 200);
    assert_eq!((server.count().closed_evicted, server.count().turned_away), (0, 0));
    server.stop();
}

#[test]
fn one_address_cannot_take_the_whole_house() {
    let _alone = alone();
    // Loopback is exempt. Nothing is sent to this address: asking for the way tells which one of this machine's is used.
    let way = std::net::UdpSocket::bind("0.0.0.0:0").and_then(|socket| {
        socket.connect("192.0.2.1:9")?;
        socket.local_addr()
    });
    let Ok(own) = way else { return };
    let limits = Limits { per_address: 4, grace: Duration::ZERO, ..Limits::default() };
    let server = Server::at(&own.ip().to_string(), limits.clone(), 4);
    let mut clients: Vec<Client> = (0..6).map(|_| server.connect()).collect();
    let (old, new) = clients.split_at_mut(2);
    assert!(old.iter_mut().all(Client::is_at_end), "its own longest idle ones have gone");
    new.iter_mut().for_each(|client| client.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n"));
    new.iter().for_each(|_| server.begun.recv_timeout(PATIENCE).unwrap());
    let mut one_more = server.connect();
    assert_eq!(one_more.answer(false).unwrap().status, 503, "all it has are busy: none is cut off");
    new.iter().for_each(|_| server.go_on.send(()).unwrap());
    assert!(new.iter_mut().all(|client| client.answer(false).unwrap().text() == "waited"));
    assert_eq!((server.count().closed_evicted, server.count().turned_away), (2, 1));
    drop(clients);
    server.stop();

    let proxy = Limits { trusted_proxies: vec![own.ip().into()], ..limits };
    let server = Server::at(&own.ip().to_string(), proxy, 1);
    let mut clients: Vec<Client> = (0..20).map(|_| server.connect()).collect();
    assert!(clients.iter_mut().all(|client| client.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").is_some()));
    server.stop();
}

#[test]
fn answers_under_way_are_limited() {
    let _alone = alone();
    let server = Server::with(Limits { in_flight: 3, ..Limits::default() }, 2);
    let mut slow: Vec<Client> = (0..3).map(|_| server.connect_narrow()).collect();
    slow.iter_mut().for_each(|client| client.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n"));
    eventually("all are stuck", || server.count().slow_writes == 3);
    let answer = server.connect().ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert_eq!((answer.status, answer.header("Retry-After")), (503, Some("1")));
    assert!(slow.iter_mut().all(|client| client.answer(false).unwrap().body.len() == edge::BIG));
    server.assert_serves();
    server.stop();
}

/// The server that runs out of descriptors: a process of its own, started by the test below under `ulimit -n`.
#[test]
#[ignore = "it is the other half of a test"]
fn server_with_few_descriptors() {
    let server = Server::usual();
    println!("\nPORT {}", server.addr.port());
    let mut line = String::new();
    while std::io::stdin().read_line(&mut line).unwrap() > 0 {}
    println!("\nACCEPT_ERRORS {}", server.count().accept_errors);
    server.stop();
}

#[test]
fn running_out_of_descriptors_passes() {
    let _alone = alone();
    let program = std::env::current_exe().unwrap();
    let mut child = Command::new("sh")
        .args(["-c", "ulimit -n 40; exec \"$0\" --exact server_with_few_descriptors --ignored --nocapture"])
        .arg(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut told = |name: &str| -> u64 {
        let line = lines.find(|line| line.starts_with(name)).unwrap();
        line[name.len()..].trim().parse().unwrap()
    };
    let addr = (std::net::Ipv4Addr::LOCALHOST, told("PORT") as u16);
    let mut crowd: Vec<Client> = (0..100).map(|_| Client::new(TcpStream::connect(addr).unwrap())).collect();
    assert_eq!(crowd[0].ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap().status, 200, "those inside are served");
    let mut late = crowd.pop().unwrap();
    late.socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    late.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(!late.is_at_end(), "it waits for its turn, for longer than one pause");
    drop(crowd);
    late.socket.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(late.answer(false).unwrap().status, 200);
    drop(late);
    drop(child.stdin.take());
    assert!((1..1000).contains(&told("ACCEPT_ERRORS")));
    assert!(child.wait().unwrap().success());
}
