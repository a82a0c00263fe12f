//! What the functions consume of AWS, and for whom: every call is attributed to the function that makes it and to the
//! tenant that it is made for.
//!
//! The attribution is a task-local: [`invocation`] opens it around a handler, [`of_tenant`] inside it around the work
//! for one tenant, and [`name_tenant`] says whose a whole invocation is once that is known. The clients of a
//! [`World`] add what each call consumed (`calls`); the embedded AWS asks [`payer`] at call time and counts by itself,
//! so that one checks the other. An amount goes to exactly one payer: the innermost tenant, or else the invocation.
//! At the end of an invocation all of it goes to the process's [`Gathered`], which decides when it is written.
//!
//! Prices turn amounts into dollars in [`bill`]. Everything that comes out is *modelled from metered requests*: AWS's
//! invoice also has what no request tells, such as storage, free tiers and rounding of its own.

mod amounts;
pub mod bill;
mod calls;
mod gathered;
mod prices;

pub use amounts::Amounts;
pub use gathered::Gathered;
pub use prices::{Price, Prices, PricesError};

pub(crate) use calls::Calls;
pub(crate) use gathered::Spent;

use crate::World;
use domain::id::TenantId;
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

/// Lambda tells a function here how much memory it has.
const MEMORY_VARIABLE: &str = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE";

/// A function of the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Function {
    /// Answers HTTP requests.
    Api,
    /// Counts usage events.
    Usage,
    /// Writes invoices.
    Billing,
    /// Prints them.
    Invoice,
    /// Calls tenants.
    Webhook,
}

impl Function {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Api, Self::Usage, Self::Billing, Self::Invoice, Self::Webhook];

    /// The name that it has in the template, in logs and in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Usage => "usage",
            Self::Billing => "billing",
            Self::Invoice => "invoice",
            Self::Webhook => "webhook",
        }
    }

    /// The function called `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|function| function.name() == name)
    }
}

impl fmt::Display for Function {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Who a call is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Payer {
    /// The function that makes it.
    pub function: Function,
    /// The tenant that it is made for, if it is for one.
    pub tenant_id: Option<TenantId>,
}

tokio::task_local! {
    static SCOPE: Scope;
}

/// What the current task knows of its payer.
#[derive(Clone)]
struct Scope {
    payer: Payer,
    /// Where amounts go; nowhere in a scope that only names a payer.
    invocation: Option<Arc<Mutex<Invocation>>>,
    /// Who else wants to know, see [`measured`].
    measured: Option<Arc<Mutex<Amounts>>>,
}

/// What one invocation has spent and counted so far.
#[derive(Default)]
struct Invocation {
    /// Whose it turned out to be.
    named: Option<TenantId>,
    spent: Spent,
}

/// Runs `future` as one invocation of `function`: what it consumes and counts is gathered, and written out when that
/// is due. An invocation inside another one is on its own.
pub async fn invocation<F: Future>(world: &World, function: Function, future: F) -> F::Output {
    let started_at = world.now();
    let invocation = Arc::new(Mutex::new(Invocation::default()));
    let payer = Payer { function, tenant_id: None };
    let scope = Scope { payer, invocation: Some(Arc::clone(&invocation)), measured: None };
    // Boxed, because a handler's future is nested so deep that the compiler gives up on one more layer.
    let output = SCOPE.scope(scope, Box::pin(future)).await;
    let Invocation { named, mut spent } = std::mem::take(&mut *lock(&invocation));
    // A clock that was turned back meanwhile makes no negative duration; Lambda bills a started millisecond.
    let busy_ms = u64::try_from(world.now().duration_since(started_at).as_millis()).unwrap_or(0).max(1);
    spent.add(None, &Amounts { invocations: 1, lambda_mib_ms: memory_mib() * busy_ms, ..Amounts::default() });
    if let Some(tenant_id) = named {
        spent.give_to(tenant_id);
    }
    world.settle(function, &spent);
    output
}

/// Runs `future` for one tenant: what it consumes is that tenant's, and nobody else's.
pub async fn of_tenant<F: Future>(tenant_id: TenantId, future: F) -> F::Output {
    match SCOPE.try_with(Scope::clone) {
        Ok(mut scope) => {
            scope.payer.tenant_id = Some(tenant_id);
            SCOPE.scope(scope, Box::pin(future)).await
        }
        Err(_) => future.await,
    }
}

/// Runs `future` in the name of `function` without being an invocation of it: what Lambda's own pollers do for it.
pub async fn on_behalf_of<F: Future>(function: Function, future: F) -> F::Output {
    let payer = Payer { function, tenant_id: None };
    SCOPE.scope(Scope { payer, invocation: None, measured: None }, future).await
}

/// Runs `future` and also answers what it consumed, which its payer pays as ever. Outside of an invocation that is
/// nothing.
pub async fn measured<F: Future>(future: F) -> (F::Output, Amounts) {
    let Ok(outer) = SCOPE.try_with(Scope::clone) else { return (future.await, Amounts::default()) };
    let own: Arc<Mutex<Amounts>> = Arc::default();
    let output = SCOPE.scope(Scope { measured: Some(Arc::clone(&own)), ..outer.clone() }, future).await;
    let amounts = *lock(&own);
    if let Some(outer) = outer.measured {
        *lock(&outer) += &amounts;
    }
    (output, amounts)
}

/// Says that the whole current invocation is for one tenant; the last word counts. What was spent in it for another
/// tenant stays with that one.
pub fn name_tenant(tenant_id: TenantId) {
    in_invocation(|_, invocation| invocation.named = Some(tenant_id));
}

/// Adds to what the current payer has spent. Outside of an invocation it goes nowhere.
pub fn add(amounts: &Amounts) {
    in_invocation(|payer, invocation| invocation.spent.add(payer.tenant_id, amounts));
    // Nobody measures outside of a scope.
    let _ = SCOPE.try_with(|scope| scope.measured.as_ref().map(|measured| *lock(measured) += amounts));
}

/// Adds to a business metric of the current invocation; answers whether there is one.
pub(crate) fn count(name: &'static str, value: u64) -> bool {
    in_invocation(|_, invocation| invocation.spent.count(name, value)).is_some()
}

/// Who pays for a call that the current task makes now.
#[must_use]
pub fn payer() -> Option<Payer> {
    let named = in_invocation(|_, invocation| invocation.named).flatten();
    SCOPE.try_with(|scope| Payer { tenant_id: scope.payer.tenant_id.or(named), ..scope.payer }).ok()
}

fn in_invocation<T>(change: impl FnOnce(Payer, &mut Invocation) -> T) -> Option<T> {
    SCOPE.try_with(|scope| scope.invocation.as_ref().map(|it| change(scope.payer, &mut lock(it)))).ok().flatten()
}

/// Memory of this function; 0 where it is no Lambda function, whose time costs nothing.
fn memory_mib() -> u64 {
    static MEMORY_MIB: OnceLock<u64> = OnceLock::new();
    *MEMORY_MIB.get_or_init(|| std::env::var(MEMORY_VARIABLE).ok().and_then(|mib| mib.parse().ok()).unwrap_or(0))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
