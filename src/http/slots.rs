//! The door's book: which connections there are, where each one is, and which is next to go. Pure bookkeeping.

use std::net::IpAddr;
use std::time::Instant;

use super::conn::{Conn, Phase};
use super::limits::Limits;

/// Where a connection is.
enum Place {
    /// Nowhere: the key is free.
    Free,
    /// With the door.
    Here(Box<Conn>),
    /// Elsewhere. `away`: with a thread of its own, for as long as that takes; else with a worker, or on its way.
    /// `early`: the socket's event came before its connection did.
    Out { away: bool, early: bool },
}

const OUT: Place = Place::Out { away: false, early: false };

struct Slot {
    place: Place,
    peer: IpAddr,
}

/// All connections by their key.
pub struct Slots {
    slots: Vec<Slot>,
    free: Vec<usize>,
    out: usize,
    early: usize,
    writing: usize,
}

impl Slots {
    /// Room for this many connections.
    pub fn new(room: usize) -> Self {
        let nobody = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
        Self {
            slots: (0..room).map(|_| Slot { place: Place::Free, peer: nobody }).collect(),
            free: (0..room).rev().collect(),
            out: 0,
            early: 0,
            writing: 0,
        }
    }

    /// A free key for a connection from `peer`, which counts as out until it is put here.
    pub fn reserve(&mut self, peer: IpAddr) -> Option<usize> {
        let key = self.free.pop()?;
        self.slots[key] = Slot { place: OUT, peer };
        self.out += 1;
        Some(key)
    }

    /// Whether every key is taken.
    pub fn is_full(&self) -> bool {
        self.free.is_empty()
    }

    /// Connections that wait for a worker, are with one, or are still taking their answer.
    pub fn in_flight(&self) -> usize {
        self.out + self.writing
    }

    /// Connections that are not here, but will be soon.
    pub fn out(&self) -> usize {
        self.out
    }

    /// Connections whose event came before they did.
    pub fn early(&self) -> usize {
        self.early
    }

    /// Connections of this address, wherever they are.
    pub fn count_from(&self, peer: IpAddr) -> usize {
        self.slots.iter().filter(|slot| slot.peer == peer && !matches!(slot.place, Place::Free)).count()
    }

    /// Takes a connection that is here; it counts as out from now on.
    pub fn take(&mut self, key: usize) -> Option<Box<Conn>> {
        let slot = self.slots.get_mut(key)?;
        match std::mem::replace(&mut slot.place, OUT) {
            Place::Here(conn) => {
                self.out += 1;
                self.writing -= usize::from(conn.phase == Phase::Writing);
                Some(conn)
            }
            other => {
                slot.place = other;
                None
            }
        }
    }

    /// Puts a connection here. Answers whether its event came before.
    pub fn put(&mut self, conn: Box<Conn>) -> bool {
        let key = conn.socket.key();
        self.writing += usize::from(conn.phase == Phase::Writing);
        self.leave(key, Place::Here(conn))
    }

    /// An event came for a key. When its connection is out, this is remembered until it is put here.
    pub fn mark_early(&mut self, key: usize) {
        if let Some(Slot { place: Place::Out { early, .. }, .. }) = self.slots.get_mut(key)
            && !std::mem::replace(early, true)
        {
            self.early += 1;
        }
    }

    /// A connection that is out went to a thread of its own.
    pub fn send_away(&mut self, key: usize) {
        if let Place::Out { away, .. } = &mut self.slots[key].place
            && !std::mem::replace(away, true)
        {
            self.out -= 1;
        }
    }

    /// A connection that is out, or away, is closed.
    pub fn release(&mut self, key: usize) {
        self.leave(key, Place::Free);
        self.free.push(key);
    }

    fn leave(&mut self, key: usize, next: Place) -> bool {
        let was = std::mem::replace(&mut self.slots[key].place, next);
        let Place::Out { away, early } = was else {
            debug_assert!(false, "a connection is in two places");
            return false;
        };
        self.out -= usize::from(!away);
        self.early -= usize::from(early);
        early
    }

    /// The connections that are here.
    pub fn here(&self) -> impl Iterator<Item = &Conn> {
        self.slots.iter().filter_map(|slot| match &slot.place {
            Place::Here(conn) => Some(&**conn),
            _ => None,
        })
    }

    /// Which one to close for a new one: of those that take no answer the one that waits longest; failing that, the
    /// reader that has been stuck longest; never one that has waited since later than `before`. With `peer`, of that
    /// address and none that takes an answer.
    pub fn victim(&self, peer: Option<IpAddr>, before: Instant) -> Option<usize> {
        self.here()
            .filter(|conn| conn.since <= before)
            .filter(|conn| peer.is_none_or(|peer| conn.peer == peer && conn.phase != Phase::Writing))
            .min_by_key(|conn| (conn.phase == Phase::Writing, conn.since))
            .map(|conn| conn.socket.key())
    }

    /// The keys of those whose deadline has passed, and the first deadline of the others.
    pub fn expired(&self, limits: &Limits, now: Instant) -> (Vec<usize>, Option<Instant>) {
        let mut expired = Vec::new();
        let mut next: Option<Instant> = None;
        for conn in self.here() {
            let deadline = conn.deadline(limits);
            if deadline <= now {
                expired.push(conn.socket.key());
            } else {
                next = Some(next.map_or(deadline, |next| next.min(deadline)));
            }
        }
        (expired, next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::watch::Watched;
    use std::net::{TcpListener, TcpStream};
    use std::sync::Arc;
    use std::time::Duration;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    struct Scene {
        slots: Slots,
        poller: Arc<polling::Poller>,
        listener: TcpListener,
        start: Instant,
    }

    impl Scene {
        fn new(room: usize) -> Self {
            Self {
                slots: Slots::new(room),
                poller: Arc::new(polling::Poller::new().unwrap()),
                listener: TcpListener::bind("127.0.0.1:0").unwrap(),
                start: Instant::now(),
            }
        }

        fn add(&mut self, peer: IpAddr, phase: Phase, second: u64) -> usize {
            let key = self.slots.reserve(peer).unwrap();
            let socket = TcpStream::connect(self.listener.local_addr().unwrap()).unwrap();
            let socket = Watched::new(socket, &self.poller, key).unwrap();
            let mut conn = Box::new(Conn::new(socket, peer, self.start + Duration::from_secs(second)));
            conn.phase = phase;
            assert!(!self.slots.put(conn));
            key
        }
    }

    #[test]
    fn the_longest_waiting_goes_first_and_readers_last() {
        let mut scene = Scene::new(8);
        let reader = scene.add(A, Phase::Writing, 0);
        let idle = scene.add(A, Phase::Idle, 5);
        let half = scene.add(B, Phase::Reading, 3);
        let fresh = scene.add(B, Phase::Idle, 9);
        let end = scene.start + Duration::from_secs(60);
        assert_eq!(scene.slots.victim(Some(A), scene.start + Duration::from_secs(4)), None, "too fresh");
        for (peer, victim) in [(Some(A), Some(idle)), (Some(B), Some(half)), (None, Some(half))] {
            assert_eq!(scene.slots.victim(peer, end), victim);
        }
        for expected in [half, idle, fresh, reader] {
            let victim = scene.slots.victim(None, end).unwrap();
            assert_eq!(victim, expected);
            scene.slots.take(victim).unwrap();
            scene.slots.release(victim);
        }
        assert_eq!(scene.slots.victim(None, end), None);
    }

    #[test]
    fn the_book_balances() {
        let mut scene = Scene::new(3);
        let a = scene.add(A, Phase::Idle, 0);
        let w = scene.add(A, Phase::Writing, 0);
        assert_eq!((scene.slots.in_flight(), scene.slots.count_from(A), scene.slots.count_from(B)), (1, 2, 0));
        let conn = scene.slots.take(a).unwrap();
        assert!(scene.slots.take(a).is_none());
        assert_eq!((scene.slots.in_flight(), scene.slots.out(), scene.slots.early()), (2, 1, 0));
        scene.slots.mark_early(a);
        scene.slots.mark_early(a);
        scene.slots.mark_early(w);
        assert_eq!(scene.slots.early(), 1);
        assert!(scene.slots.put(conn), "its event came before");
        assert_eq!((scene.slots.out(), scene.slots.early()), (0, 0));
        drop(scene.slots.take(w));
        scene.slots.send_away(w);
        assert_eq!((scene.slots.in_flight(), scene.slots.count_from(A)), (0, 2));
        scene.slots.mark_early(w);
        assert_eq!(scene.slots.early(), 1);
        let last = scene.add(B, Phase::Idle, 0);
        assert!(scene.slots.is_full() && scene.slots.reserve(B).is_none());
        scene.slots.release(w);
        assert_eq!(scene.slots.reserve(A), Some(w));
        assert_ne!(last, w);
    }

    #[test]
    fn deadlines_are_told_apart() {
        let mut scene = Scene::new(4);
        let limits = Limits::default();
        let half = scene.add(A, Phase::Reading, 0);
        scene.add(A, Phase::Idle, 0);
        let now = scene.start + limits.head_time;
        assert_eq!(scene.slots.expired(&limits, now), (vec![half], Some(scene.start + limits.idle_time)));
        assert_eq!(scene.slots.expired(&limits, scene.start).1, Some(now));
        assert_eq!(Slots::new(1).expired(&limits, now), (vec![], None));
    }
}
