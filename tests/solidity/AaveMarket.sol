// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ILendingPool} from "../../contracts/interfaces/External.sol";
import {WorldToken} from "../../contracts/world/WorldToken.sol";
import {Markets} from "./Markets.sol";

interface IAddressesProvider {
    function setACLAdmin(address admin) external;
    function setACLManager(address manager) external;
    function setPriceOracle(address oracle) external;
    function setPoolImpl(address implementation) external;
    function setPoolConfiguratorImpl(address implementation) external;
    function getPool() external view returns (address);
    function getPoolConfigurator() external view returns (address);
    function getPriceOracle() external view returns (address);
}

interface IAaveOracle {
    function setAssetSources(address[] calldata assets, address[] calldata sources) external;
}

interface IAclManager {
    function addPoolAdmin(address admin) external;
    function addEmergencyAdmin(address admin) external;
}

interface IAaveConfigurator {
    struct InitReserveInput {
        address aTokenImpl;
        address stableDebtTokenImpl;
        address variableDebtTokenImpl;
        uint8 underlyingAssetDecimals;
        address interestRateStrategyAddress;
        address underlyingAsset;
        address treasury;
        address incentivesController;
        string aTokenName;
        string aTokenSymbol;
        string variableDebtTokenName;
        string variableDebtTokenSymbol;
        string stableDebtTokenName;
        string stableDebtTokenSymbol;
        bytes params;
    }

    function initReserves(InitReserveInput[] calldata input) external;
    function configureReserveAsCollateral(address asset, uint256 ltv, uint256 threshold, uint256 bonus) external;
    function setReserveBorrowing(address asset, bool enabled) external;
    function setReserveFlashLoaning(address asset, bool enabled) external;
    function setReservePause(address asset, bool paused) external;
    function updateFlashloanPremiumTotal(uint128 premium) external;
    function setEModeCategory(
        uint8 id,
        uint16 ltv,
        uint16 threshold,
        uint16 bonus,
        address oracle,
        string calldata label
    ) external;
    function setAssetEModeCategory(address asset, uint8 id) external;
}

/// @notice Aave V3 over the markets' WETH and USDC, priced by the same feeds, with liquidity and an e-mode category.
abstract contract AaveMarket is Markets {
    uint8 internal constant E_MODE = 1;
    uint256 internal constant FLASH_PREMIUM_BPS = 9;
    string private constant LOGIC = "contracts/protocol/libraries/logic/";
    string private constant POOL = "contracts/protocol/pool/";

    ILendingPool internal aave;
    IAaveConfigurator internal configurator;
    IAddressesProvider private provider;

    function _openAave() internal {
        _openMarkets();
        provider = IAddressesProvider(
            _deployAave(
                "contracts/protocol/configuration/PoolAddressesProvider.sol",
                "PoolAddressesProvider",
                abi.encode("Test market", address(this))
            )
        );
        provider.setACLAdmin(address(this));
        address acl = _deployAave("contracts/protocol/configuration/ACLManager.sol", "ACLManager", abi.encode(provider));
        provider.setACLManager(acl);
        IAclManager(acl).addPoolAdmin(address(this));
        IAclManager(acl).addEmergencyAdmin(address(this));
        provider.setPriceOracle(_oracle());
        provider.setPoolImpl(_poolImplementation());
        provider.setPoolConfiguratorImpl(_configuratorImplementation());
        aave = ILendingPool(provider.getPool());
        configurator = IAaveConfigurator(provider.getPoolConfigurator());
        configurator.updateFlashloanPremiumTotal(uint128(FLASH_PREMIUM_BPS));
        _list(weth, 8_000, 8_250, 10_500);
        _list(usdc, 7_700, 8_000, 10_500);
        configurator.setEModeCategory(E_MODE, 9_000, 9_300, 10_100, address(0), "both");
        configurator.setAssetEModeCategory(address(weth), E_MODE);
        configurator.setAssetEModeCategory(address(usdc), E_MODE);
        _supplyToAave(usdc, 20_000_000e6);
        _supplyToAave(weth, 10_000e18);
        aave.borrow(address(usdc), 10_000_000e6, 2, 0, address(this));
        aave.borrow(address(weth), 5_000e18, 2, 0, address(this));
    }

    function _oracle() private returns (address) {
        (address[] memory assets, address[] memory sources) = (new address[](2), new address[](2));
        (assets[0], sources[0]) = (address(weth), address(feeds[address(weth)]));
        (assets[1], sources[1]) = (address(usdc), address(feeds[address(usdc)]));
        bytes memory arguments = abi.encode(provider, assets, sources, address(0), address(0), uint256(1e8));
        return _deployAave("contracts/misc/AaveOracle.sol", "AaveOracle", arguments);
    }

    function _poolImplementation() private returns (address) {
        string[7] memory names = [
            "BorrowLogic", "BridgeLogic", "EModeLogic", "LiquidationLogic", "PoolLogic", "SupplyLogic", "FlashLoanLogic"
        ];
        (string[] memory libraries, address[] memory at) = (new string[](7), new address[](7));
        for (uint256 i; i < 7; ++i) {
            string memory source = string.concat(LOGIC, names[i], ".sol");
            libraries[i] = string.concat(source, ":", names[i]);
            // The last one is itself linked with the first.
            at[i] = _deployAaveLinked(source, names[i], "", libraries, at);
        }
        return _deployAaveLinked(string.concat(POOL, "Pool.sol"), "Pool", abi.encode(provider), libraries, at);
    }

    function _configuratorImplementation() private returns (address) {
        string memory source = string.concat(LOGIC, "ConfiguratorLogic.sol");
        (string[] memory libraries, address[] memory at) = (new string[](1), new address[](1));
        libraries[0] = string.concat(source, ":ConfiguratorLogic");
        at[0] = _deployAave(source, "ConfiguratorLogic", "");
        return _deployAaveLinked(string.concat(POOL, "PoolConfigurator.sol"), "PoolConfigurator", "", libraries, at);
    }

    /// @dev One more reserve, priced by its feed, that nobody has supplied.
    function _listToo(WorldToken token, uint256 ltv, uint256 threshold, uint256 bonus) internal {
        (address[] memory assets, address[] memory sources) = (new address[](1), new address[](1));
        (assets[0], sources[0]) = (address(token), address(feeds[address(token)]));
        IAaveOracle(provider.getPriceOracle()).setAssetSources(assets, sources);
        _list(token, ltv, threshold, bonus);
    }

    function _list(WorldToken token, uint256 ltv, uint256 threshold, uint256 bonus) private {
        IAaveConfigurator.InitReserveInput[] memory input = new IAaveConfigurator.InitReserveInput[](1);
        input[0].aTokenImpl = _tokenization("AToken");
        input[0].stableDebtTokenImpl = _tokenization("StableDebtToken");
        input[0].variableDebtTokenImpl = _tokenization("VariableDebtToken");
        input[0].underlyingAssetDecimals = token.decimals();
        input[0].interestRateStrategyAddress = _deployAave(
            string.concat(POOL, "DefaultReserveInterestRateStrategy.sol"),
            "DefaultReserveInterestRateStrategy",
            abi.encode(provider, 0.8e27, 0, 0.04e27, 0.6e27, 0.005e27, 0.6e27, 0.01e27, 0.08e27, 0.2e27)
        );
        input[0].underlyingAsset = address(token);
        input[0].treasury = makeAddr("treasury");
        configurator.initReserves(input);
        configurator.configureReserveAsCollateral(address(token), ltv, threshold, bonus);
        configurator.setReserveBorrowing(address(token), true);
        configurator.setReserveFlashLoaning(address(token), true);
    }

    function _tokenization(string memory name) private returns (address) {
        string memory source = string.concat("contracts/protocol/tokenization/", name, ".sol");
        return _deployAave(source, name, abi.encode(aave));
    }

    /// @dev Somebody else supplies so much, and borrows half of it, so that time accrues interest on both sides.
    function _supplyToAave(WorldToken token, uint256 amount) private {
        token.mint(address(this), amount);
        token.approve(address(aave), amount);
        aave.supply(address(token), amount, address(this), 0);
    }
}
