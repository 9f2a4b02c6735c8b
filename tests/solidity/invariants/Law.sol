// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice The sentences that every campaign holds its vault to, each with an id, defined once: they are the failure
/// messages. C-n is the promise they belong to.
library Law {
    // accounts

    string internal constant A1 = "A-1 a balance of the vault is its holding and what was given to it, no more (C-26)";
    string internal constant A2 = "A-2 between transactions nobody has an allowance of the vault (C-30)";
    string internal constant A3 = "A-3 a gift changes neither holdings, nor net asset value, nor shares (C-26)";
    string internal constant A4 = "A-4 net asset value is what the vault has at the feeds' prices, computed by hand";
    string internal constant A5 =
        "A-5 with prices still, net asset value is what came in, less what went out, less what actions cost (C-8)";
    string internal constant A6 = "A-6 what an action moves stays among the vault, the pools and the lender (C-3)";
    string internal constant A7 = "A-7 between transactions the vault's lock is open (C-31)";
    string internal constant A8 = "A-8 trades by others take nothing from net asset value (C-21)";
    string internal constant A9 = "A-9 time and trades by others change neither holdings nor shares";

    // the keeper's orders

    string internal constant K1 = "K-1 an action loses at most its cap, at the prices read at entry (C-6)";
    string internal constant K2 = "K-2 an action gains at most its cap, at the prices read at entry (C-9)";
    string internal constant K3 = "K-3 an action sells at most its part of the vault (C-11)";
    string internal constant K4 = "K-4 two actions are at least the cooldown apart (C-11)";
    string internal constant K5 = "K-5 an action happens within its deadline, and no deadline is far (C-12)";
    string internal constant K6 = "K-6 an order that has executed never executes again (C-13)";
    string internal constant K7 =
        "K-7 every act of keeper, sentinel, curator and owner advances the epoch by one, nothing else does (C-13)";
    string internal constant K8 = "K-8 an action leaves every pool it used near the oracle's price (C-10)";
    string internal constant K9 = "K-9 an action leaves at least the net asset value that its order asked for";
    string internal constant K10 = "K-10 nobody but a keeper acts (C-1)";
    string internal constant K11 = "K-11 nothing is traded or priced while the vault is paused";
    string internal constant K12 = "K-12 nothing is traded or priced at a price that cannot be trusted (C-17)";
    string internal constant K13 = "K-13 every refusal is a typed error (C-40)";
    string internal constant K14 = "K-14 an order made at another state of the vault is refused (C-14)";

    // budgets

    string internal constant B1 = "B-1 losses over a time T come to at most B (1 + T / day), per share (C-7, C-8)";
    string internal constant B2 = "B-2 turnover over a time T comes to at most D (1 + T / day), per share (C-11)";
    string internal constant B3 = "B-3 the loss budget is never above its part of net asset value (C-7)";
    string internal constant B4 = "B-4 the turnover budget is never above its part of what the vault has (C-11)";
    string internal constant B5 = "B-5 no deposit, exit or gift raises the loss budget's part of the vault (C-7)";

    // shares

    string internal constant S1 = "S-1 the holders' shares sum to the supply";
    string internal constant S2 = "S-2 no deposit or exit leaves a share with less of any holding than it had (C-36)";
    string internal constant S3 = "S-3 no deposit or exit lowers the value of a share (C-24)";
    string internal constant S4 = "S-4 who comes and goes in one block leaves with no more than he brought (C-24)";
    string internal constant S5 = "S-5 a deposit or exit does what its preview said (C-23)";
    string internal constant S6 = "S-6 while paused or without prices the most that can be issued or paid is 0 (C-42)";
    string internal constant S7 =
        "S-7 totalAssets is net asset value, or without prices the last accepted one per share (C-42)";
    string internal constant S8 = "S-8 a base-asset exit is paid from the idle base asset alone (C-42)";
    string internal constant S9 = "S-9 an exit in kind works while paused and with our feeds dead (C-16)";
    string internal constant S10 = "S-10 with prices still, a share loses what actions lost and nothing else";
    string internal constant S11 = "S-11 a flash loan earns nothing at the vault";

    // roles

    string internal constant R1 = "R-1 no limit is wider than what has waited a day (C-4)";
    string internal constant R2 = "R-2 no limit is beyond its hard-coded maximum (C-4)";
    string internal constant R3 = "R-3 a sentinel's act moves nothing and allows nothing more (C-5)";
    string internal constant R4 = "R-4 a curator's or owner's act moves nothing (C-1)";
    string internal constant R5 = "R-5 a submission that was used up cannot be used again (C-4)";

    // logs

    string internal constant L1 = "L-1 the logs alone give the epoch (C-39)";
    string internal constant L2 = "L-2 the logs alone give the shares (C-39)";
    string internal constant L3 = "L-3 the logs alone give the holdings (C-39)";
    string internal constant L4 = "L-4 the logs and the prices give the loss budget (C-39)";
    string internal constant L5 = "L-5 the logs and the prices give the turnover budget (C-39)";
    string internal constant L6 = "L-6 the logs alone say whether the vault is paused, and its limits (C-39)";

    // stolen keys

    string internal constant SK1 =
        "SK-1 at true prices a thief takes besides what the feeds are off among each other, times what he sold or moved as a range (C-8)";
    string internal constant SK2 =
        "SK-2 at the feeds' prices a thief takes at most B (1 + T / day), and B_urgent (1 + T / day) of a levered vault (C-8)";

    // baskets

    string internal constant BK1 = "BK-1 a rebalance ends inside the drift band, or no farther out than it began";
    string internal constant BK2 = "BK-2 the weights sum to one";

    // ranges

    string internal constant RG1 = "RG-1 the pool's entry of the vault is its liquidity and what others added to it";
    string internal constant RG2 = "RG-2 a range is aligned and as wide as it may be (C-35)";
    string internal constant RG3 = "RG-3 a range is set round the oracle's price";
    string internal constant RG4 = "RG-4 collected fees unlock within an hour, and no exit takes them before (C-22)";
    string internal constant RG5 = "RG-5 a deposit or exit leaves a share with no less liquidity than it had (C-36)";
    string internal constant RG6 = "RG-6 wherever others push the pool, the vault loses nothing by it (C-21)";

    // levered vaults

    string internal constant LV1 = "LV-1 borrowing ends at or above the health factor's floor (C-33)";
    string internal constant LV2 = "LV-2 de-levering raises the health factor, and stops at the ceiling (C-33)";
    string internal constant LV3 = "LV-3 no deposit or exit lowers the health factor (C-33)";
    string internal constant LV4 = "LV-4 collateral and debt are what the lender says they are";
    string internal constant LV5 = "LV-5 a gift to the lending position only adds to net asset value";
    string internal constant LV6 = "LV-6 a flash loan that the vault did not ask for is refused (C-32)";
    string internal constant LV7 = "LV-7 nobody rescues a vault that is not in danger (C-11, C-15)";
    string internal constant LV8 =
        "LV-8 a rescue repays debt, and loses at most its part of the debt repaid, reward included (C-11)";
    string internal constant LV9 = "LV-9 rescues over a time T lose at most B_urgent (1 + T / day) (C-8, C-11)";
    string internal constant LV10 = "LV-10 the ripcord pays its puller no more than its part of the debt repaid (C-15)";
    string internal constant LV11 = "LV-11 the ripcord works while the vault is paused and without a keeper (C-15)";
    string internal constant LV12 = "LV-12 the logs alone give the urgent budget (C-39)";
    string internal constant LV13 = "LV-13 anyone can unpledge a gift, and nothing of the vault's own moves by it";
}
