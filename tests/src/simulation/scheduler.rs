//! The scheduler: one step at a time, each of them drawn from the seed.
//!
//! A step lets one waiting call go, starts an invocation, turns the clock, kills a process, or lets a back-off end. Between
//! two steps everybody is polled until all of them wait for something, in the order of their places. So the interleaving
//! of concurrent handlers is decided here alone, at their calls, and the same seed takes the same steps.

use super::chance::Chance;
use super::ground::{Ground, is_of};
use super::journal::Journal;
use super::ledger::Ledger;
use super::process::{Done, Instance, Work};
use super::profile::{Profile, Sabotage};
use super::workload::{self, Request, Workload};
use meterline::aws::QueueDepth;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// How long a process of the API may take: its timeout in the template. Whoever turns the clock further ends it.
const API_TIMEOUT_MS: i64 = 29_000;
/// Steps of a rush, after which it is over whatever is left.
const RUSH_STEPS_MAX: u64 = 20_000;
/// Steps until all is quiet, after which it never will be.
const CALM_STEPS_MAX: u64 = 20_000;
/// Longest that a back-off is let run on in one step, in milliseconds.
const NAP_MS_MAX: u64 = 100;
/// The visibility timeout of the usage queue is 6 minutes, that of the billing queue 12: a jump goes beyond one or both.
const JUMP_MS: (i64, i64) = (200_000, 900_000);
/// A small turn of the clock.
const TURN_MS: (i64, i64) = (1, 8_000);
/// The purpose for which the scheduler draws.
const PURPOSE: u64 = 5;

/// How often each kind of step is drawn, against the others.
const WEIGHTS: [(Step, u64); 5] =
    [(Step::LetGo, 60), (Step::Work, 14), (Step::Send, 12), (Step::Turn, 2), (Step::Nap, 4)];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    LetGo,
    Work,
    Send,
    Turn,
    Nap,
}

/// A place in which an instance of a function runs.
struct Slot {
    name: String,
    instance: Instance,
    running: Option<Running>,
}

/// An invocation under way.
struct Running {
    caller: u64,
    started_ms: i64,
    request: Option<Request>,
    work: Work,
    woken: Arc<Woken>,
}

/// Whether somebody must be polled.
#[derive(Debug)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Who decides.
pub(super) struct Scheduler<'g> {
    ground: &'g Ground,
    profile: &'g Profile,
    acknowledges_first: bool,
    chance: Chance,
    slots: Vec<Slot>,
    callers: u64,
    /// What happened.
    pub(super) journal: Journal,
    /// What the clients know.
    pub(super) ledger: Ledger,
    /// What they are yet to send.
    pub(super) workload: Workload,
    /// How often a process died.
    pub(super) crashes: u64,
}

/// How a stretch of a schedule goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rush {
    /// The clock is not turned beyond this.
    pub(super) until_ms: i64,
    /// Ticks of the schedule that are due in it.
    pub(super) ticks: u32,
    /// Whether to leave what is in the queues where it is once the clients are through.
    pub(super) leaves_queues: bool,
}

impl<'g> Scheduler<'g> {
    /// A scheduler with all its processes, cold.
    pub(super) fn new(
        seed: u64,
        ground: &'g Ground,
        profile: &'g Profile,
        sabotage: &Sabotage,
        ledger: Ledger,
        trace: bool,
    ) -> Self {
        let mut slots = Vec::new();
        let mut add = |name: &str, count: usize, instance: &dyn Fn() -> Instance| {
            for number in 0..count {
                slots.push(Slot { name: format!("{name}-{number}"), instance: instance(), running: None });
            }
        };
        // The first process of the API is the one that set the schedule up: to make one is not cheap.
        add("api", 1, &|| Instance::Api(ground.router.clone()));
        add("api-more", profile.apis - 1, &|| Instance::Api(ground.new_router()));
        add("usage", profile.usage_workers, &Instance::cold_usage);
        if profile.closes {
            add("billing", profile.billing_workers, &|| Instance::Plain("billing"));
            add("invoice", 1, &|| Instance::Plain("invoice"));
            add("webhook", 1, &|| Instance::Plain("webhook"));
            add("tick", 1, &|| Instance::Tick);
        }
        Self {
            ground,
            profile,
            acknowledges_first: sabotage.acknowledges_first,
            chance: Chance::new(seed, PURPOSE),
            slots,
            callers: 0,
            journal: Journal::new(trace),
            ledger,
            workload: Workload::new(seed, profile),
            crashes: 0,
        }
    }

    /// Clients send, processes work and die, calls fail, until the clients are through and nothing more is to be done.
    pub(super) async fn rush(&mut self, mut rush: Rush) {
        let last_step = self.journal.steps() + RUSH_STEPS_MAX;
        while self.journal.steps() < last_step {
            self.poll_all();
            if rush.leaves_queues && self.workload.is_done() && rush.ticks == 0 && self.nobody_sends() {
                break;
            }
            if self.is_unlucky(self.profile.crash_one_in) && self.kill_somebody() {
                continue;
            }
            if self.is_unlucky(self.profile.jump_one_in) && self.jump(rush.until_ms) {
                continue;
            }
            if rush.ticks > 0 && self.chance.one_in(30) && self.start_tick() {
                rush.ticks -= 1;
                continue;
            }
            if !self.some_step(rush.until_ms).await && !self.forced_step(&mut rush).await {
                break;
            }
        }
        self.give_up_hope();
    }

    fn is_unlucky(&mut self, one_in: u64) -> bool {
        one_in > 0 && self.chance.one_in(one_in)
    }

    /// One step of those that can be taken.
    async fn some_step(&mut self, until_ms: i64) -> bool {
        let weights: Vec<u64> =
            WEIGHTS.iter().map(|(step, weight)| if self.is_open(*step) { *weight } else { 0 }).collect();
        let Some(drawn) = self.chance.weighted(&weights) else { return false };
        match WEIGHTS[drawn].0 {
            Step::LetGo => self.let_one_go(),
            // What was drawn in vain makes room for a call.
            Step::Work => self.start_work(true) || self.let_one_go(),
            Step::Send => self.start_request() || self.let_one_go(),
            Step::Turn => {
                let by_ms = self.chance.between_signed(TURN_MS.0, TURN_MS.1);
                self.turn(self.ground.now_ms() + by_ms, until_ms) && self.is_open(Step::LetGo)
            }
            Step::Nap => {
                self.nap().await;
                true
            }
        }
    }

    fn is_open(&self, step: Step) -> bool {
        match step {
            Step::LetGo => self.ground.turnstile.is_waited_at(),
            Step::Work => self.slots.iter().any(|slot| slot.running.is_none() && slot.instance.function().is_some()),
            Step::Send => !self.workload.is_done(),
            Step::Turn => true,
            Step::Nap => self.somebody_naps(),
        }
    }

    /// Nothing goes on by itself: the clients' next request, the next tick, or the next message that becomes visible.
    async fn forced_step(&mut self, rush: &mut Rush) -> bool {
        if self.start_request() || self.let_one_go() || self.start_work(true) {
            return true;
        }
        if self.somebody_naps() {
            self.nap().await;
            return true;
        }
        if rush.ticks > 0 && self.start_tick() {
            rush.ticks -= 1;
            return true;
        }
        match self.next_visible_ms() {
            Some(at_ms) if !rush.leaves_queues => self.turn(at_ms.max(self.ground.now_ms()), rush.until_ms),
            _ => false,
        }
    }

    /// Works on without any bad luck until every queue is empty, dead letters moved back included.
    ///
    /// # Errors
    /// If that never comes.
    pub(super) async fn calm(&mut self) -> Result<(), String> {
        let last_step = self.journal.steps() + CALM_STEPS_MAX;
        while self.journal.steps() < last_step {
            self.poll_all();
            if self.let_one_go() || self.start_work(false) {
                continue;
            }
            if self.somebody_naps() {
                self.nap().await;
                continue;
            }
            if self.slots.iter().any(|slot| slot.running.is_some()) {
                return Err("an invocation waits for nothing, for ever".to_owned());
            }
            match self.next_visible_ms() {
                Some(at_ms) => drop(self.turn(at_ms.max(self.ground.now_ms()), i64::MAX)),
                None if self.redrive().await? => {}
                None => return Ok(()),
            }
        }
        Err(format!("the queues do not come to rest: {:?}", self.ground.aws.queue_depths()))
    }

    /// Runs the schedule's tick, and all that follows from it, without any bad luck.
    ///
    /// # Errors
    /// As [`Scheduler::calm`].
    pub(super) async fn calm_tick(&mut self) -> Result<(), String> {
        self.start_tick();
        self.calm().await
    }

    /// Turns the clock, as far as `until_ms`. Processes of the API that are over their time are ended by Lambda.
    pub(super) fn turn(&mut self, at_ms: i64, until_ms: i64) -> bool {
        if at_ms > until_ms {
            return false;
        }
        self.ground.turn_to(at_ms);
        self.journal.write(at_ms, format_args!("the clock is turned"));
        for place in 0..self.slots.len() {
            let slot = &self.slots[place];
            let over = |running: &Running| at_ms - running.started_ms >= API_TIMEOUT_MS;
            if matches!(slot.instance, Instance::Api(_)) && slot.running.as_ref().is_some_and(over) {
                self.kill(place, "is over its time");
            }
        }
        true
    }

    fn jump(&mut self, until_ms: i64) -> bool {
        let by_ms = self.chance.between_signed(JUMP_MS.0, JUMP_MS.1);
        self.turn(self.ground.now_ms() + by_ms, until_ms)
    }

    /// Polls whoever was woken, until nobody is.
    fn poll_all(&mut self) {
        for (place, done) in self.poll_woken() {
            self.finish(place, &done);
        }
    }

    /// As [`Scheduler::poll_all`]; answers who came to an end.
    fn poll_woken(&mut self) -> Vec<(usize, Done)> {
        let mut ended = Vec::new();
        loop {
            let mut polled = false;
            for place in 0..self.slots.len() {
                let Some(running) = &mut self.slots[place].running else { continue };
                if !running.woken.0.swap(false, Ordering::Relaxed) {
                    continue;
                }
                polled = true;
                self.ground.turnstile.polling(running.caller);
                let waker = Waker::from(Arc::clone(&running.woken));
                if let Poll::Ready(done) = running.work.as_mut().poll(&mut Context::from_waker(&waker)) {
                    ended.push((place, done));
                }
            }
            if !polled {
                return ended;
            }
        }
    }

    fn finish(&mut self, place: usize, done: &Done) {
        let Some(running) = self.slots[place].running.take() else { return };
        let now_ms = self.ground.now_ms();
        let (name, caller) = (&self.slots[place].name, running.caller);
        match done {
            Done::Worked => self.journal.write(now_ms, format_args!("{name}#{caller} is done")),
            Done::Answered(status, answer) => {
                self.journal.write(now_ms, format_args!("{name}#{caller} answers {status}"));
                if let Some(request) = running.request {
                    let told = super::told::told(&request, *status, answer);
                    workload::note(&mut self.ledger, &request, running.started_ms, now_ms, &told);
                }
            }
        }
    }

    fn kill_somebody(&mut self) -> bool {
        let running: Vec<usize> = (0..self.slots.len()).filter(|&place| self.slots[place].running.is_some()).collect();
        if running.is_empty() {
            return false;
        }
        let place = self.chance.pick(&running);
        self.kill(place, "dies");
        true
    }

    /// Ends a process between two calls: its work is dropped where it stands, and what it remembered is gone.
    fn kill(&mut self, place: usize, why: &str) {
        self.crashes += 1;
        let slot = &mut self.slots[place];
        slot.instance = slot.instance.restarted(self.ground);
        let now_ms = self.ground.now_ms();
        let Some(running) = slot.running.take() else { return };
        self.journal.write(now_ms, format_args!("{}#{} {why}", slot.name, running.caller));
        if let Some(request) = &running.request {
            workload::note(&mut self.ledger, request, running.started_ms, now_ms, &[]);
        }
    }

    /// The rush is over: whoever still waits for an answer stops waiting. Workers may go on.
    fn give_up_hope(&mut self) {
        for place in 0..self.slots.len() {
            if self.slots[place].running.as_ref().is_some_and(|running| running.request.is_some()) {
                self.kill(place, "is not waited for");
            }
        }
    }

    fn nobody_sends(&self) -> bool {
        self.slots.iter().all(|slot| slot.running.as_ref().is_none_or(|running| running.request.is_none()))
    }

    fn let_one_go(&mut self) -> bool {
        let waiting = self.ground.turnstile.waiting();
        if waiting.is_empty() {
            return false;
        }
        let call = &waiting[self.chance.place(waiting.len())];
        let calls = self.ground.aws.faults().calls();
        self.ground.turnstile.let_go(call.ticket);
        let name = self.name_of(call.caller);
        let (now_ms, caller) = (self.ground.now_ms(), call.caller);
        let ended = self.poll_woken();
        let fault = self.ground.aws.faults().fired_last().filter(|_| self.ground.aws.faults().calls() > calls);
        let (service, operation) = (call.service, call.operation);
        match fault {
            None => self.journal.write(now_ms, format_args!("{name}#{caller} {service} {operation}")),
            Some(fault) => {
                self.journal.write(now_ms, format_args!("{name}#{caller} {service} {operation}: {fault:?}"));
            }
        }
        self.journal.remark(&call.excerpt);
        for (place, done) in ended {
            self.finish(place, &done);
        }
        true
    }

    fn name_of(&self, caller: u64) -> String {
        let is_caller = |slot: &&Slot| slot.running.as_ref().is_some_and(|running| running.caller == caller);
        self.slots.iter().find(is_caller).map_or_else(String::new, |slot| slot.name.clone())
    }

    /// Gives an idle instance something visible to work on. In bad luck it may start cold.
    fn start_work(&mut self, unlucky: bool) -> bool {
        let depths = self.ground.aws.queue_depths();
        let visible = |queue_url: &str| depths.iter().any(|depth| depth.visible > 0 && is_of(depth, queue_url));
        let mut pairs: Vec<(usize, usize)> = Vec::new();
        for (source, event_source) in self.ground.sources.iter().enumerate() {
            if !visible(&event_source.queue_url) {
                continue;
            }
            let idle = |slot: &Slot| {
                slot.running.is_none() && slot.instance.function() == Some(event_source.function.as_str())
            };
            pairs.extend((0..self.slots.len()).filter(|&place| idle(&self.slots[place])).map(|place| (place, source)));
        }
        if pairs.is_empty() {
            return false;
        }
        let (place, source) = self.chance.pick(&pairs);
        if unlucky && self.is_unlucky(self.profile.cold_one_in) {
            self.slots[place].instance = self.slots[place].instance.restarted(self.ground);
        }
        let source = &self.ground.sources[source];
        let receives = self.chance.between(1, 2);
        let work = self.slots[place].instance.work(self.ground, source, receives, self.acknowledges_first);
        self.start(place, work, None);
        true
    }

    fn start_request(&mut self) -> bool {
        let idle: Vec<usize> = (0..self.slots.len())
            .filter(|&place| {
                self.slots[place].running.is_none() && matches!(self.slots[place].instance, Instance::Api(_))
            })
            .collect();
        if idle.is_empty() {
            return false;
        }
        let Some(request) = self.workload.next(&mut self.ledger, self.ground.now_ms()) else { return false };
        let place = self.chance.pick(&idle);
        let Some(work) = self.slots[place].instance.answer(&request) else { return false };
        self.start(place, work, Some(request));
        true
    }

    fn start_tick(&mut self) -> bool {
        let is_idle = |slot: &Slot| slot.running.is_none() && matches!(slot.instance, Instance::Tick);
        let Some(place) = self.slots.iter().position(is_idle) else { return false };
        let work = self.slots[place].instance.tick(self.ground);
        self.start(place, work, None);
        true
    }

    fn start(&mut self, place: usize, work: Work, request: Option<Request>) {
        self.callers += 1;
        let (caller, started_ms) = (self.callers, self.ground.now_ms());
        let name = &self.slots[place].name;
        match &request {
            None => self.journal.write(started_ms, format_args!("{name}#{caller} starts")),
            Some(request) => {
                let (number, events) = (request.number, request.lines.len());
                self.journal.write(started_ms, format_args!("{name}#{caller} gets request {number}, {events} events"));
                self.journal.remark(&request.path);
                self.journal.remark(&request.body);
            }
        }
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        self.slots[place].running = Some(Running { caller, started_ms, request, work, woken });
    }

    /// Whether somebody waits, but for no call: for time to pass.
    fn somebody_naps(&self) -> bool {
        let waiting = self.ground.turnstile.waiting();
        self.slots
            .iter()
            .filter_map(|slot| slot.running.as_ref())
            .any(|running| waiting.iter().all(|call| call.caller != running.caller))
    }

    /// Lets time pass for whoever backs off. The platform's clock does not notice.
    async fn nap(&mut self) {
        let nap_ms = self.chance.between(1, NAP_MS_MAX);
        tokio::time::advance(Duration::from_millis(nap_ms)).await;
        self.journal.write(self.ground.now_ms(), format_args!("{nap_ms} ms of back-off pass"));
    }

    /// When the next message becomes visible to a function by itself.
    fn next_visible_ms(&self) -> Option<i64> {
        let depths = self.ground.aws.queue_depths();
        let consumed = |depth: &&QueueDepth| self.ground.sources.iter().any(|source| is_of(depth, &source.queue_url));
        let next = depths.iter().filter(consumed).filter_map(|depth| depth.next_visible_at).min();
        next.map(domain::Timestamp::as_millisecond)
    }

    /// Moves dead letters back to where they came from, as an operator does; answers whether there were any.
    async fn redrive(&mut self) -> Result<bool, String> {
        self.ground.turnstile.stand_open(true);
        let moved = super::redrive::all(self.ground).await;
        self.ground.turnstile.stand_open(false);
        let moved = moved?;
        if moved > 0 {
            self.journal.write(self.ground.now_ms(), format_args!("{moved} dead letters are moved back"));
        }
        Ok(moved > 0)
    }
}
