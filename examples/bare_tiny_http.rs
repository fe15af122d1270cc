//! The peer of `make bench`: tiny_http's own server, answering one constant body from four threads.
//!
//! usage: bare_tiny_http FILE; prints the address that it listens on.

use std::io::Write;
use std::os::fd::AsFd;
use std::sync::Arc;

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let file = std::env::args_os().nth(1).ok_or("usage: bare_tiny_http FILE")?;
    let body = Arc::new(std::fs::read(file)?);
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    // Without this every answer waits 40 ms for an acknowledgement; accepted sockets inherit it.
    socket2::SockRef::from(&listener.as_fd()).set_tcp_nodelay(true)?;
    let server = Arc::new(tiny_http::Server::from_listener(listener, None)?);
    writeln!(std::io::stdout(), "listening on http://{}", server.server_addr())?;
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let (server, body) = (Arc::clone(&server), Arc::clone(&body));
            std::thread::spawn(move || {
                while let Ok(request) = server.recv() {
                    let answer = tiny_http::Response::from_data(body.as_slice());
                    let kind = tiny_http::Header::from_bytes("Content-Type", "application/json");
                    let _ = request.respond(answer.with_header(kind.expect("a plain header")));
                }
            })
        })
        .collect();
    workers.into_iter().for_each(|worker| drop(worker.join()));
    Ok(())
}
