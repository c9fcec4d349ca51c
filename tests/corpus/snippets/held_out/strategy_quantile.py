import talib.abstract as ta
from freqtrade.strategy import IStrategy
from pandas import DataFrame


class Breakout(IStrategy):
    timeframe = "5m"

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe["rsi"] = ta.RSI(dataframe, timeperiod=14)
        dataframe["high_volume"] = dataframe["volume"] > dataframe["volume"].quantile(0.9)
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe.loc[(dataframe["rsi"] < 30) & dataframe["high_volume"], "enter_long"] = 1
        return dataframe
