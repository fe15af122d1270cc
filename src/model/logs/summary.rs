//! What happened, in few words: the coordinator's key messages, each told once with how often and when it was written.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Level;

/// Messages that are kept; of more, those that were written longest ago go.
const MOST: usize = 200;
/// A longer message is cut.
const MESSAGE_BYTES: usize = 512;

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// An emergency.
    Emergency,
    /// What failed.
    Error,
    /// What should be looked at.
    Warning,
    /// The inverter answers.
    Connected,
    /// Readings were collected.
    DataCollected,
    /// Prices were fetched.
    PricesFetched,
    /// It was decided what to do.
    DecisionMade,
    /// It is being done.
    Executing,
    /// A session of charging or selling began.
    SessionStarted,
    /// It ended.
    SessionEnded,
    /// How things are.
    Status,
}

/// Words, and what a message with them is about; the first that fit. Those of the inherited summary, and sessions and
/// prices besides, whose words are in any case.
const TOPICS: [(&str, Topic); 12] = [
    ("emergency", Topic::Emergency),
    ("ERROR", Topic::Error),
    ("Failed to", Topic::Error),
    ("WARNING", Topic::Warning),
    ("Connected to inverter", Topic::Connected),
    ("Successfully connected", Topic::Connected),
    ("Data collected successfully", Topic::DataCollected),
    ("Decision made:", Topic::DecisionMade),
    ("Executing decision:", Topic::Executing),
    ("Status - State:", Topic::Status),
    ("Battery:", Topic::Status),
    ("PV:", Topic::Status),
];
const CHARGING: &str = "Charging:";

impl Topic {
    /// Its name in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Emergency => "emergency",
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Connected => "connected",
            Self::DataCollected => "data_collected",
            Self::PricesFetched => "prices_fetched",
            Self::DecisionMade => "decision_made",
            Self::Executing => "executing",
            Self::SessionStarted => "session_started",
            Self::SessionEnded => "session_ended",
            Self::Status => "status",
        }
    }

    /// What a line is about, by its words and its level; `None` where it is nothing of these.
    pub fn of(text: &str, level: Option<Level>) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        let session = |ends: &[&str]| lower.contains("session") && ends.iter().any(|end| lower.contains(end));
        if lower.contains("emergency") {
            return Some(Self::Emergency);
        }
        match level {
            Some(Level::Critical | Level::Error) => return Some(Self::Error),
            Some(Level::Warning) => return Some(Self::Warning),
            _ => {}
        }
        let found = TOPICS.iter().find(|(words, _)| text.contains(words)).map(|(_, topic)| *topic);
        found.or_else(|| {
            if session(&["ended", "completed", "stopped", "finished"]) {
                Some(Self::SessionEnded)
            } else if session(&["started", "starting"]) {
                Some(Self::SessionStarted)
            } else if lower.contains("price")
                && ["fetched", "loaded", "updated"].iter().any(|verb| lower.contains(verb))
            {
                Some(Self::PricesFetched)
            } else {
                text.contains(CHARGING).then_some(Self::Status)
            }
        })
    }
}

/// A message, with all that differ from it in their numbers only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happening {
    /// What it is about.
    pub topic: Topic,
    /// Its level.
    pub level: Option<Level>,
    /// As it was written last.
    pub message: String,
    /// How often it was written.
    pub count: u32,
    /// When it was written first, as far as memory reaches.
    pub first: Option<Timestamp>,
    /// When it was written last.
    pub last: Option<Timestamp>,
    /// Its place among all, by when it was written last.
    order: u64,
}

/// Key messages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// By the message without its numbers.
    happenings: BTreeMap<String, Happening>,
    order: u64,
}

impl Summary {
    /// Takes a line's message, where it is a key message.
    pub fn take(&mut self, message: &str, level: Option<Level>, at: Option<Timestamp>) {
        let Some(topic) = Topic::of(message, level) else { return };
        let message = &message[..message.floor_char_boundary(MESSAGE_BYTES)];
        self.order += 1;
        let order = self.order;
        let new = || Happening { topic, level, message: String::new(), count: 0, first: at, last: at, order };
        let known = self.happenings.entry(without_numbers(message)).or_insert_with(new);
        (known.topic, known.level, known.last, known.order) = (topic, level, at.or(known.last), order);
        known.count = known.count.saturating_add(1);
        message.clone_into(&mut known.message);
        if self.happenings.len() > MOST {
            let oldest = self.happenings.iter().min_by_key(|(_, one)| one.order).map(|(key, _)| key.clone());
            oldest.and_then(|key| self.happenings.remove(&key));
        }
    }

    /// All of them, what was written last at the end.
    pub fn list(&self) -> Vec<&Happening> {
        let mut list: Vec<&Happening> = self.happenings.values().collect();
        list.sort_by_key(|one| one.order);
        list
    }
}

fn without_numbers(message: &str) -> String {
    let mut key = String::with_capacity(message.len());
    for part in message.split_inclusive(|c: char| c.is_ascii_digit()) {
        match part.strip_suffix(|c: char| c.is_ascii_digit()) {
            Some("") if key.ends_with('#') => {}
            Some(text) => {
                key.push_str(text);
                key.push('#');
            }
            None => key.push_str(part),
        }
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_message_is_about() {
        for (message, level, topic) in [
            ("Connected to inverter at 192.168.1.5", Level::Info, Some(Topic::Connected)),
            ("Successfully connected", Level::Info, Some(Topic::Connected)),
            ("Data collected successfully (SOC 76%)", Level::Info, Some(Topic::DataCollected)),
            ("Fetched 96 prices for 2026-11-22", Level::Info, Some(Topic::PricesFetched)),
            ("Decision made: wait", Level::Info, Some(Topic::DecisionMade)),
            ("Executing decision: charge", Level::Info, Some(Topic::Executing)),
            ("Charging session started", Level::Info, Some(Topic::SessionStarted)),
            ("Selling session s1 completed", Level::Info, Some(Topic::SessionEnded)),
            ("Status - State: waiting", Level::Info, Some(Topic::Status)),
            ("Charging: off", Level::Info, Some(Topic::Status)),
            ("Failed to read", Level::Info, Some(Topic::Error)),
            ("Failed to read", Level::Warning, Some(Topic::Warning)),
            ("anything", Level::Critical, Some(Topic::Error)),
            ("Emergency stop", Level::Error, Some(Topic::Emergency)),
            ("nothing of interest", Level::Info, None),
            ("", Level::Debug, None),
        ] {
            assert_eq!(Topic::of(message, Some(level)), topic, "{message}");
        }
        assert_eq!(Topic::of("an ERROR without a level", None), Some(Topic::Error));
    }

    #[test]
    fn messages_that_differ_in_numbers_are_one() {
        let at = |second: i64| Timestamp::from_second(second).ok();
        let mut summary = Summary::default();
        for (second, message) in
            [(1, "Battery: 76%, 12.5 kW"), (2, "Decision made: wait"), (3, "Battery: 7%, 1.55 kW"), (4, "quiet")]
        {
            summary.take(message, Some(Level::Info), at(second));
        }
        let told: Vec<_> =
            summary.list().into_iter().map(|one| (&*one.message, one.count, one.first, one.last)).collect();
        assert_eq!(told, [("Decision made: wait", 1, at(2), at(2)), ("Battery: 7%, 1.55 kW", 2, at(1), at(3))]);
        for number in 0..2 * MOST {
            let name: String = number.to_string().chars().map(|digit| (b'a' + digit as u8 - b'0') as char).collect();
            summary.take(&format!("Failed to {name}"), None, None);
        }
        let list = summary.list();
        assert_eq!((list.len(), &*list[MOST - 1].message), (MOST, "Failed to djj"));
        summary.take(&format!("Failed to {}", "ł".repeat(MESSAGE_BYTES)), None, None);
        assert!(summary.list()[MOST - 1].message.len() <= MESSAGE_BYTES);
    }
}
