//! The listening socket: bound so that a restart finds its port free, set so that accepted ones need no more calls.

use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

use crate::base::fault::{Fault, Kind};

/// Connections that wait for the door while it is busy.
const BACKLOG: i32 = 1024;
/// What the kernel may hold of answers that a client does not take; it doubles the number. Without a bound it takes up to
/// 4 MB for each slow reader, and a thousand of them all of the machine's socket memory.
const SEND_BUFFER: usize = 64 * 1024;
/// After so long without a byte acknowledged the kernel gives a connection up, also one that was closed already.
const GIVE_UP: Duration = Duration::from_secs(30);
/// Silence after which the kernel asks whether the peer is still there.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// Listens on `host` (a name, an IPv4 or an IPv6 address, with or without brackets) and `port` (0: any free one).
///
/// # Errors
/// [`Kind::Locked`] when something else listens there, [`Kind::Invalid`] when the host is none of this machine's, else [`Kind::Io`].
pub fn bind(host: &str, port: u16) -> Result<TcpListener, Fault> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    let addresses: Vec<SocketAddr> = (bare, port)
        .to_socket_addrs()
        .map_err(|error| Fault::invalid(format!("cannot listen on {host}: no address of that name: {error}")))?
        .collect();
    let mut last = Fault::invalid(format!("cannot listen on {host}: the name has no address"));
    for address in addresses {
        match bind_to(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = explain(address, &error),
        }
    }
    Err(last)
}

fn bind_to(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        // "::" means everywhere, IPv4 included, whatever the system's default is.
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    let listener = TcpListener::from(socket);
    prepare(&listener)?;
    Ok(listener)
}

/// Sets what accepted sockets are to inherit: no delay (an answer is one write), keep-alive probes, and how much the
/// kernel holds for how long of what nobody takes.
///
/// # Errors
/// When the system refuses an option.
pub fn prepare(listener: &TcpListener) -> std::io::Result<()> {
    let socket = SockRef::from(listener);
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE))?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.set_tcp_user_timeout(Some(GIVE_UP))?;
    listener.set_nonblocking(true)
}

fn explain(address: SocketAddr, error: &std::io::Error) -> Fault {
    use std::io::ErrorKind::{AddrInUse, AddrNotAvailable, PermissionDenied};
    let (kind, advice) = match error.kind() {
        AddrInUse => (Kind::Locked, "the port is in use; stop the program that listens there or choose another port"),
        AddrNotAvailable => (Kind::Invalid, "the address is none of this machine's; try 0.0.0.0"),
        PermissionDenied => (Kind::Io, "not permitted; ports below 1024 need privileges, choose another port"),
        _ => (Kind::Io, "the system refused"),
    };
    Fault::new(kind, format!("cannot listen on {address}: {advice} ({error})"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream;

    #[test]
    fn a_port_in_use_is_said_so() {
        let first = bind("127.0.0.1", 0).unwrap();
        let port = first.local_addr().unwrap().port();
        let fault = bind("127.0.0.1", port).unwrap_err();
        assert_eq!(fault.kind(), Kind::Locked);
        let text = fault.to_string();
        assert!(text.starts_with(&format!("cannot listen on 127.0.0.1:{port}: the port is in use; ")), "{text}");
    }

    #[test]
    fn hosts_are_names_or_addresses_of_either_family() {
        for host in ["127.0.0.1", "localhost", "0.0.0.0"] {
            assert!(bind(host, 0).is_ok(), "{host}");
        }
        // Not every machine has IPv6; where it has, both spellings work and "::" takes IPv4 as well.
        if TcpListener::bind("[::1]:0").is_ok() {
            assert!(bind("::1", 0).is_ok() && bind("[::1]", 0).is_ok());
            let everywhere = bind("::", 0).unwrap();
            assert!(TcpStream::connect(("127.0.0.1", everywhere.local_addr().unwrap().port())).is_ok());
        }
        for (host, kind) in [("192.0.2.1", Kind::Invalid), ("no such host", Kind::Invalid)] {
            let fault = bind(host, 0).unwrap_err();
            assert_eq!(fault.kind(), kind, "{fault}");
        }
    }

    #[test]
    fn accepted_sockets_inherit_their_options() {
        let listener = bind("127.0.0.1", 0).unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        listener.set_nonblocking(false).unwrap();
        let (socket, _) = listener.accept().unwrap();
        assert!(socket.nodelay().unwrap());
        assert!(SockRef::from(&socket).keepalive().unwrap());
    }
}
