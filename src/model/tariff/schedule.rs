//! What every tariff of fixed hours comes down to: seasons, working and free days, 24 hours with a zone and a price each.

use std::sync::Arc;

use jiff::civil::{Date, Weekday};

use crate::base::units::Micro;
use crate::model::holiday::is_public_holiday;

/// Hours of a day: from (inclusive) to (exclusive), 0 to 24. One that ends before it starts wraps midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First hour.
    pub start: i8,
    /// The hour after the last one.
    pub end: i8,
}

/// A set of hours of the day, a bit each.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Hours(u32);

impl Hours {
    /// No hour.
    pub const NONE: Self = Self(0);
    /// The whole day.
    pub const ALL: Self = Self((1 << 24) - 1);

    /// Whether it has an hour.
    pub fn contains(self, hour: i8) -> bool {
        (0..24).contains(&hour) && self.0 >> hour & 1 == 1
    }

    /// The hours of either.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The hours of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Its hours that the other lacks.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The earliest one.
    pub fn first(self) -> Option<i8> {
        (0..24).find(|hour| self.contains(*hour))
    }

    /// Its runs, in order; none wraps midnight.
    pub fn windows(self) -> Vec<Window> {
        let mut windows: Vec<Window> = Vec::new();
        for hour in (0..24).filter(|hour| self.contains(*hour)) {
            match windows.last_mut().filter(|window| window.end == hour) {
                Some(window) => window.end = hour + 1,
                None => windows.push(Window { start: hour, end: hour + 1 }),
            }
        }
        windows
    }
}

impl From<Window> for Hours {
    fn from(Window { start, end }: Window) -> Self {
        let within = |hour: i8| if start < end { start <= hour && hour < end } else { start <= hour || hour < end };
        // From an hour to the same hour is nothing, not the whole day.
        (0..24).filter(|hour| start != end && within(*hour)).fold(Self::NONE, |hours, hour| Self(hours.0 | 1 << hour))
    }
}

impl FromIterator<Window> for Hours {
    fn from_iter<I: IntoIterator<Item = Window>>(windows: I) -> Self {
        windows.into_iter().map(Self::from).fold(Self::NONE, Self::or)
    }
}

/// Hours of one price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    /// Such as `peak`.
    pub name: Arc<str>,
    /// Distribution, PLN/kWh.
    pub price: Micro,
    /// When it applies.
    pub hours: Hours,
}

/// The zones of a day; the config has seen to it that each hour has exactly one.
pub type DayPlan = Vec<Zone>;

/// A day of any year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MonthDay {
    /// 1 to 12.
    pub month: i8,
    /// 1 to 31.
    pub day: i8,
}

impl From<Date> for MonthDay {
    fn from(date: Date) -> Self {
        Self { month: date.month(), day: date.day() }
    }
}

/// A part of every year, first and last day included; one that ends before it starts goes on over New Year.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Such as `summer`.
    pub name: Arc<str>,
    /// First day.
    pub from: MonthDay,
    /// Last day.
    pub to: MonthDay,
}

impl Span {
    /// 1 January to 31 December.
    pub fn all_year() -> Self {
        Self { name: "all_year".into(), from: MonthDay { month: 1, day: 1 }, to: MonthDay { month: 12, day: 31 } }
    }

    /// Whether it has a day.
    pub fn contains(&self, day: MonthDay) -> bool {
        if self.from <= self.to { self.from <= day && day <= self.to } else { self.from <= day || day <= self.to }
    }
}

/// A season with its zones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Season {
    /// When it is.
    pub span: Span,
    /// Zones of a working day.
    pub working: DayPlan,
    /// Zones of a free day.
    pub free: DayPlan,
}

/// What a day counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DayKind {
    /// A working day.
    Working,
    /// A day with zones of its own: weekends, public holidays.
    Free,
}

/// Which days are free in a tariff.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct FreeDays {
    /// Saturdays and Sundays.
    pub weekends: bool,
    /// Public holidays.
    pub holidays: bool,
}

impl FreeDays {
    /// What a day counts as; `None` where all days are alike.
    pub fn kind(self, date: Date) -> Option<DayKind> {
        if self == Self::default() {
            return None;
        }
        let weekend = matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday);
        let free = (self.weekends && weekend) || (self.holidays && is_public_holiday(date));
        Some(if free { DayKind::Free } else { DayKind::Working })
    }
}

/// A tariff of fixed hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// The config has seen to it that each day of the year lies in exactly one.
    pub seasons: Vec<Season>,
    /// Which days are free.
    pub free_days: FreeDays,
}

impl Schedule {
    /// One price all day, all year.
    pub fn flat(price: Micro) -> Self {
        let plan = vec![Zone { name: "all_day".into(), price, hours: Hours::ALL }];
        let season = Season { span: Span::all_year(), working: plan.clone(), free: plan };
        Self { seasons: vec![season], free_days: FreeDays::default() }
    }

    /// The season of a day.
    pub fn season(&self, date: Date) -> Option<&Season> {
        self.seasons.iter().find(|season| season.span.contains(date.into()))
    }

    /// The zones of a day.
    pub fn plan(&self, date: Date) -> Option<&DayPlan> {
        let season = self.season(date)?;
        Some(if self.free_days.kind(date) == Some(DayKind::Free) { &season.free } else { &season.working })
    }
}
