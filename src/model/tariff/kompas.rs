//! The Kompas: the grid operator's hourly advice on using power.

/// The grid operator's advice for an hour (PSE's Kompas, `usage_fcst` 0 to 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kompas {
    /// 0: there is plenty of power.
    RecommendedUsage,
    /// 1: an hour like most.
    NormalUsage,
    /// 2: saving helps.
    RecommendedSaving,
    /// 3: use has to be cut.
    RequiredReduction,
}

impl Kompas {
    /// All of them, by their code.
    pub const ALL: [Self; 4] =
        [Self::RecommendedUsage, Self::NormalUsage, Self::RecommendedSaving, Self::RequiredReduction];

    /// The advice of a `usage_fcst`.
    pub fn from_code(code: i64) -> Option<Self> {
        usize::try_from(code).ok().and_then(|index| Self::ALL.get(index)).copied()
    }

    /// Its `usage_fcst`, 0 to 3.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// Its name in configs and answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::RecommendedUsage => "recommended_usage",
            Self::NormalUsage => "normal_usage",
            Self::RecommendedSaving => "recommended_saving",
            Self::RequiredReduction => "required_reduction",
        }
    }
}
