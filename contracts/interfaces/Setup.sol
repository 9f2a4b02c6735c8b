// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {Feed, HealthLimits, Limits, Venue} from "./IKeeperVault.sol";

/// @notice A token and the feed that prices it.
struct TokenFeed {
    address token;
    Feed feed;
}

/// @notice What a guard is constructed with.
/// @param tokens The tokens its vault accounts for, the base asset first.
/// @param feeds A feed for each of `tokens` and for every other token of a venue.
/// @param health All zero unless the vault borrows.
/// @param sequencer Chainlink's uptime feed of the L2's sequencer; 0 on a chain without one. Fixed for ever.
struct GuardSetup {
    address owner;
    address curator;
    address[] keepers;
    address[] sentinels;
    address[] tokens;
    TokenFeed[] feeds;
    Venue[] venues;
    Limits limits;
    HealthLimits health;
    address sequencer;
}

/// @notice The shares of a vault.
/// @param guard A `Guard` that no other vault is bound to; the vault takes its tokens from it, the base asset first.
/// @param entryFeeBps Bps of a base-asset deposit that stay in the vault.
/// @param exitFeeBps Bps of a base-asset exit's value that stay in the vault.
struct ShareSetup {
    address guard;
    string name;
    string symbol;
    uint16 entryFeeBps;
    uint16 exitFeeBps;
}
