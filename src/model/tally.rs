//! Counts by name: few names, many tallies, so each takes no more room than its names need.

/// How often each name was seen, in the order of the names.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Tally(Vec<(Box<str>, u32)>);

impl Tally {
    /// Counts `name` so many times more.
    pub fn add(&mut self, name: &str, count: u32) {
        match self.0.binary_search_by(|(known, _)| (**known).cmp(name)) {
            Ok(place) => self.0[place].1 += count,
            Err(place) => {
                self.0.reserve_exact(1);
                self.0.insert(place, (name.into(), count));
            }
        }
    }

    /// The names and their counts.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u32)> {
        self.0.iter().map(|(name, count)| (&**name, *count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_order_and_counted_once() {
        let mut tally = Tally::default();
        for (name, count) in [("pv", 1), ("grid", 2), ("", 1), ("pv", 3)] {
            tally.add(name, count);
        }
        assert_eq!(tally.iter().collect::<Vec<_>>(), [("", 1), ("grid", 2), ("pv", 4)]);
    }
}
