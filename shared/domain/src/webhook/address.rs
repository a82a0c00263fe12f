//! Where a webhook may go: only public addresses, so that a tenant cannot make Meterline call the network it runs in
//! (server-side request forgery). Checked after resolving, on every address that would be connected to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether `address` is globally reachable, by the special-purpose registries of RFC 6890.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let protocol_assignments = (a, b, c) == (192, 0, 0);
    let benchmarking = a == 198 && (18..20).contains(&b);
    let relay_anycast = (a, b, c) == (192, 88, 99);
    // 240.0.0.0/4 is reserved and holds the broadcast address; 0.0.0.0/8 is this network.
    let reserved = a == 0 || a >= 240;
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast()
        || shared
        || protocol_assignments
        || benchmarking
        || relay_anycast
        || reserved)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(v4) = embedded_v4(address) {
        return is_public_v4(v4);
    }
    let [first, second, ..] = address.segments();
    // Only 2000::/3 is global unicast; documentation, ORCHID and benchmarking are carved out of it.
    let global_unicast = first & 0xe000 == 0x2000;
    let special = first == 0x2001 && (second < 0x0200 || second == 0x0db8);
    let documentation = first == 0x3fff && second < 0x1000;
    global_unicast && !special && !documentation
}

/// The IPv4 address that a mapped (`::ffff:a.b.c.d`), NAT64 (`64:ff9b::`) or 6to4 (`2002::`) address leads to.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, high, low] = address.segments();
    let from = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    let mapped = (a, b, c, d, e, f) == (0, 0, 0, 0, 0, 0xffff);
    let nat64 = (a, b, c, d, e, f) == (0x64, 0xff9b, 0, 0, 0, 0);
    if mapped || nat64 {
        return Some(from(high, low));
    }
    (a == 0x2002).then(|| from(b, c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::public("93.184.216.34", true)]
    #[case::public_v6("2606:2800:220:1::1", true)]
    #[case::loopback("127.0.0.1", false)]
    #[case::private_a("10.0.0.1", false)]
    #[case::private_b("172.31.255.255", false)]
    #[case::private_c("192.168.1.1", false)]
    #[case::metadata("169.254.169.254", false)]
    #[case::lambda_runtime("169.254.79.129", false)]
    #[case::carrier_shared("100.64.0.1", false)]
    #[case::this_network("0.0.0.0", false)]
    #[case::broadcast("255.255.255.255", false)]
    #[case::multicast("224.0.0.1", false)]
    #[case::benchmarking("198.18.0.1", false)]
    #[case::documentation("203.0.113.9", false)]
    #[case::loopback_v6("::1", false)]
    #[case::unspecified_v6("::", false)]
    #[case::unique_local("fd00:ec2::254", false)]
    #[case::link_local_v6("fe80::1", false)]
    #[case::mapped_loopback("::ffff:127.0.0.1", false)]
    #[case::mapped_public("::ffff:93.184.216.34", true)]
    #[case::nat64_metadata("64:ff9b::a9fe:a9fe", false)]
    #[case::six_to_four_private("2002:0a00:0001::1", false)]
    #[case::teredo("2001::1", false)]
    #[case::documentation_v6("2001:db8::1", false)]
    #[case::new_documentation_v6("3fff::1", false)]
    fn only_public_addresses_are_called(#[case] address: IpAddr, #[case] public: bool) {
        assert_eq!(is_public(address), public);
    }
}
