import talib.abstract as ta
from freqtrade.strategy import IStrategy
from pandas import DataFrame


class Breakout(IStrategy):
    timeframe = "5m"

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe["rsi"] = ta.RSI(dataframe, timeperiod=14)
        dataframe["high_volume"] = dataframe["volume"] > dataframe["volume"].rolling(500).quantile(0.9)
        dataframe["before"] = dataframe["close"].shift(1)
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe.loc[(dataframe["rsi"] < 30) & dataframe["high_volume"], "enter_long"] = 1
        return dataframe

    def custom_exit(self, pair, trade, current_time, current_rate, current_profit, **kwargs):
        dataframe, _ = self.dp.get_analyzed_dataframe(pair, self.timeframe)
        last = dataframe.iloc[-1].squeeze()
        return "overbought" if last["rsi"] > 80 else None
