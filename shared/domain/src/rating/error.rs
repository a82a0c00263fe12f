//! Why an amount could not be computed. A price is right by construction, so these are about the usage or its size.

/// An amount that does not fit into a decimal; no real price gets near this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the amount of the line is out of range")]
pub struct AmountOutOfRange;

impl From<crate::money::MoneyError> for AmountOutOfRange {
    fn from(_: crate::money::MoneyError) -> Self {
        Self
    }
}

/// Why a price could not be rated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RatingError {
    /// The amount does not fit.
    #[error(transparent)]
    OutOfRange(#[from] AmountOutOfRange),
    /// The usage is of a kind that the model cannot charge for.
    #[error("the model {model} needs {needs}")]
    WrongUsage {
        /// The model's name.
        model: &'static str,
        /// What has to be sent.
        needs: &'static str,
    },
    /// More days than the period has.
    #[error("more days than the period has")]
    TooManyDays,
    /// More windows than one line may have.
    #[error("more windows than one line may have")]
    TooManyWindows,
    /// What was billed before is of another currency.
    #[error("what was billed before is of another currency")]
    MixedCurrencies,
}

impl From<crate::money::MoneyError> for RatingError {
    fn from(error: crate::money::MoneyError) -> Self {
        match error {
            crate::money::MoneyError::MixedCurrencies(..) => Self::MixedCurrencies,
            crate::money::MoneyError::UnknownCurrency | crate::money::MoneyError::OutOfRange => {
                Self::OutOfRange(AmountOutOfRange)
            }
        }
    }
}
