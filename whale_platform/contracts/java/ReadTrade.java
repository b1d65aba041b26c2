package whale;

import java.math.BigDecimal;
import java.math.RoundingMode;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.connector.catalog.functions.BoundFunction;
import org.apache.spark.sql.connector.catalog.functions.ScalarFunction;
import org.apache.spark.sql.connector.catalog.functions.UnboundFunction;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.Decimal;
import org.apache.spark.sql.types.DecimalType;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.unsafe.types.UTF8String;

/**
 * read_trade(message) -> the fields of a raw trade, and whether it is a good one.
 *
 * <p>A message that looks as the ingester writes it (WrittenTrade) is cut; any other is parsed as JSON (JsonTrade), with
 * the same values. Both know the layout of contracts/raw_trade.py, whose decoder they are tested against. Nothing here
 * fails: what is no raw trade is not good, with the fields that could be read.
 */
public final class ReadTrade implements UnboundFunction, ScalarFunction<InternalRow> {
  private static final long serialVersionUID = 1;
  static final String NAME = "read_trade";
  static final int SCALE = 18;
  static final DecimalType EXACT = new DecimalType(38, SCALE);

  static final int V = 0;
  static final int EXCHANGE = 1;
  static final int SYMBOL = 2;
  static final int TRADE_ID = 3;
  static final int BASE = 4;
  static final int QUOTE = 5;
  static final int PRICE = 6;
  static final int QUANTITY = 7;
  static final int SIDE = 8;
  static final int EVENT_TIME = 9;
  static final int RECEIVED_TIME = 10;
  static final int SOURCE = 11;
  static final int DENSE = 12;
  static final int TAKER_ORDER_ID = 13;
  static final int BLOCK = 14;
  static final int BUYER = 15;
  static final int SELLER = 16;
  static final int SWEEP_FIRST_ID = 17; // the six of a sweep are all there or all null
  static final int SWEEP_FILLS = 18;
  static final int SWEEP_LEVELS = 19;
  static final int SWEEP_FIRST_PRICE = 20;
  static final int SWEEP_QUANTITY = 21;
  static final int SWEEP_NOTIONAL = 22;
  static final int SWEEP_USD = 23;
  static final int USD_RATE = 24;
  static final int USD_PAIR = 25;
  static final int USD_EXACT = 26; // by USD_RATE, which is there where it is
  static final int PRICE_EXACT = 27;
  static final int QUANTITY_EXACT = 28;
  static final int NOTIONAL_EXACT = 29;
  static final int GOOD = 30;
  static final int FIELDS = 31;
  private static final BigDecimal MOST_USD = BigDecimal.TEN.pow(20); // rates.py

  private static final StructType RESULT =
      new StructType()
          .add("v", DataTypes.LongType)
          .add("exchange", DataTypes.StringType)
          .add("symbol", DataTypes.StringType)
          .add("trade_id", DataTypes.LongType)
          .add("base", DataTypes.StringType)
          .add("quote", DataTypes.StringType)
          .add("price", DataTypes.StringType)
          .add("quantity", DataTypes.StringType)
          .add("side", DataTypes.StringType)
          .add("event_time", DataTypes.LongType)
          .add("received_time", DataTypes.LongType)
          .add("source", DataTypes.StringType)
          .add("dense", DataTypes.BooleanType)
          .add("taker_order_id", DataTypes.StringType)
          .add("block", DataTypes.BooleanType)
          .add("buyer", DataTypes.StringType)
          .add("seller", DataTypes.StringType)
          .add("sweep_first_id", DataTypes.LongType)
          .add("sweep_fills", DataTypes.LongType)
          .add("sweep_levels", DataTypes.LongType)
          .add("sweep_first_price", DataTypes.StringType)
          .add("sweep_quantity", DataTypes.StringType)
          .add("sweep_notional", EXACT)
          .add("sweep_usd", EXACT)
          .add("usd_rate", DataTypes.StringType)
          .add("usd_pair", DataTypes.StringType)
          .add("usd_exact", EXACT)
          .add("price_exact", EXACT)
          .add("quantity_exact", EXACT)
          .add("notional_exact", EXACT)
          .add("good", DataTypes.BooleanType);

  /** The magic method that generated code calls. {@code message}: null where the record has no value. */
  public static InternalRow invoke(byte[] message) {
    Object[] row = message == null ? null : WrittenTrade.cut(message);
    if (row == null) {
      row = message == null ? new Object[FIELDS] : JsonTrade.parse(message);
      row[GOOD] = row[NOTIONAL_EXACT] != null;
    } else {
      row[GOOD] = true;
    }
    return new GenericInternalRow(row);
  }

  static Decimal encodeNumber(BigDecimal number) {
    return Decimal.apply(number.setScale(SCALE), EXACT.precision(), SCALE);
  }

  /** The dollars of {@code notional}, which convert_to_usd of domain/rates.py gives; null where none fit. */
  static Decimal convertToUsd(BigDecimal notional, BigDecimal rate) {
    BigDecimal usd = notional.multiply(rate).setScale(SCALE, RoundingMode.HALF_EVEN);
    return usd.signum() > 0 && usd.compareTo(MOST_USD) < 0 ? encodeNumber(usd) : null;
  }

  static UTF8String encodeText(String text) {
    return UTF8String.fromString(text);
  }

  @Override
  public BoundFunction bind(StructType inputType) {
    return this;
  }

  @Override
  public String description() {
    return NAME + "(message BINARY): the fields of a raw trade";
  }

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public String canonicalName() {
    return "whale." + NAME;
  }

  @Override
  public DataType[] inputTypes() {
    return new DataType[] {DataTypes.BinaryType};
  }

  @Override
  public DataType resultType() {
    return RESULT;
  }

  @Override
  public boolean isResultNullable() {
    return false;
  }

  @Override
  public InternalRow produceResult(InternalRow input) {
    return invoke(input.isNullAt(0) ? null : input.getBinary(0));
  }
}
