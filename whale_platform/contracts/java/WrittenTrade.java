package whale;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.math.BigDecimal;
import org.apache.spark.unsafe.types.UTF8String;

/**
 * Cuts a message that matches WRITTEN_PATTERN of contracts/written_trade.py, byte by byte, which is much
 * cheaper than parsing it as JSON. One cursor a message; the first byte that does not fit ends it.
 */
public final class WrittenTrade {
  private static final int MAX_ID_DIGITS = 18;
  private static final int MAX_TIME_DIGITS = 16;
  private static final int MAX_WHOLE_DIGITS = 10;
  private static final int MAX_FRACTION_DIGITS = 8;
  private static final byte[] V = ascii("{\"v\":");
  private static final byte[] EXCHANGE = ascii(",\"exchange\":\"");
  private static final byte[] SYMBOL = ascii("\",\"symbol\":\"");
  private static final byte[] TRADE_ID = ascii("\",\"trade_id\":");
  private static final byte[] DENSE = ascii(",\"dense\":true");
  private static final byte[] NOT_DENSE = ascii(",\"dense\":false");
  private static final byte[] BASE = ascii(",\"base\":\"");
  private static final byte[] QUOTE = ascii("\",\"quote\":\"");
  private static final byte[] PRICE = ascii("\",\"price\":\"");
  private static final byte[] QUANTITY = ascii("\",\"quantity\":\"");
  private static final byte[] NOTIONAL = ascii("\",\"notional\":\"");
  private static final byte[] NOTIONAL_USD = ascii("\",\"notional_usd\":");
  private static final byte[] USD_VIA = ascii(",\"usd_via\":");
  private static final byte[] SIDE = ascii("\",\"side\":\"");
  private static final byte[] SIDE_OF_VERSION_1 = ascii(",\"side\":\"");
  private static final byte[] BUY = ascii("buy");
  private static final byte[] SELL = ascii("sell");
  private static final byte[] EVENT_TIME = ascii("\",\"event_time\":");
  private static final byte[] RECEIVED_TIME = ascii(",\"received_time\":");
  private static final byte[] SOURCE = ascii(",\"source\":\"");
  private static final byte[] QUOTATION_MARK = ascii("\"");
  private static final byte[] TAKER_ORDER_ID = ascii(",\"taker_order_id\":");
  private static final byte[] BLOCK = ascii(",\"block\":true");
  private static final byte[] BUYER = ascii(",\"buyer\":\"");
  private static final byte[] SELLER = ascii(",\"seller\":\"");
  private static final byte[] USD_RATE = ascii(",\"usd_rate\":\"");
  private static final byte[] RATE_VIA = ascii("\",\"usd_via\":\"");
  private static final byte[] SWEEP_FIRST_ID = ascii(",\"sweep_first_id\":");
  private static final byte[] SWEEP_FILLS = ascii(",\"sweep_fills\":");
  private static final byte[] SWEEP_LEVELS = ascii(",\"sweep_levels\":");
  private static final byte[] SWEEP_FIRST_PRICE = ascii(",\"sweep_first_price\":\"");
  private static final byte[] SWEEP_QUANTITY = ascii("\",\"sweep_quantity\":\"");
  private static final byte[] SWEEP_NOTIONAL = ascii("\",\"sweep_notional\":\"");
  private static final byte[] SWEEP_USD = ascii("\",\"sweep_usd\":\"");
  private static final byte[] NULL = ascii("null");
  private static final byte[] END = ascii("}");
  private static final boolean[] NAME = allowBytes("!#-Z^-z|~");
  private static final boolean[] TEXT = allowBytes(" !#-[]-z|~");
  private static final boolean[] NUMBER = allowBytes("0-9.");

  private final byte[] message;
  private int at;
  private boolean failed;

  private WrittenTrade(byte[] message) {
    this.message = message;
  }

  /** The fields of ReadTrade but for GOOD; null where the message is not written so. */
  public static Object[] cut(byte[] message) {
    return new WrittenTrade(message).cut();
  }

  private Object[] cut() {
    Object[] row = new Object[ReadTrade.FIELDS];
    // 1. What identifies the trade.
    expect(V);
    if (failed || at == message.length || message[at] != '1' && message[at] != '2') {
      return null;
    }
    row[ReadTrade.V] = (long) (message[at++] - '0');
    row[ReadTrade.EXCHANGE] = readAfter(EXCHANGE, NAME);
    row[ReadTrade.SYMBOL] = readAfter(SYMBOL, NAME);
    expect(TRADE_ID);
    row[ReadTrade.TRADE_ID] = readInteger(MAX_ID_DIGITS);
    boolean dense = skip(DENSE) || !skip(NOT_DENSE);
    // 2. Its currencies and numbers; dollars and the notional, which version 1 has too, follow from them.
    row[ReadTrade.BASE] = readAfter(BASE, NAME);
    row[ReadTrade.QUOTE] = readAfter(QUOTE, NAME);
    expect(PRICE);
    BigDecimal price = readNumber(row, ReadTrade.PRICE);
    expect(QUANTITY);
    BigDecimal quantity = readNumber(row, ReadTrade.QUANTITY);
    if (!failed && skip(NOTIONAL)) {
      read(NUMBER);
      expect(NOTIONAL_USD);
      skipTextOrNull(NUMBER);
      expect(USD_VIA);
      skipTextOrNull(NAME);
      expect(SIDE_OF_VERSION_1);
    } else {
      expect(SIDE);
    }
    // 3. Side, times and source.
    int side = at;
    if (failed || !skip(BUY) && !skip(SELL)) {
      return null;
    }
    row[ReadTrade.SIDE] = copySince(side);
    expect(EVENT_TIME);
    row[ReadTrade.EVENT_TIME] = readInteger(MAX_TIME_DIGITS);
    expect(RECEIVED_TIME);
    row[ReadTrade.RECEIVED_TIME] = readInteger(MAX_TIME_DIGITS);
    row[ReadTrade.SOURCE] = readAfter(SOURCE, NAME);
    expect(QUOTATION_MARK);
    // 4. What is written only where it says something.
    row[ReadTrade.DENSE] = !skip(NOT_DENSE) && dense;
    if (!failed && skip(TAKER_ORDER_ID) && !skip(NULL)) {
      row[ReadTrade.TAKER_ORDER_ID] = readAfter(QUOTATION_MARK, TEXT);
      expect(QUOTATION_MARK);
    }
    row[ReadTrade.BLOCK] = skip(BLOCK);
    row[ReadTrade.BUYER] = readOptional(BUYER);
    row[ReadTrade.SELLER] = readOptional(SELLER);
    BigDecimal rate = null;
    if (!failed && skip(USD_RATE)) {
      rate = readWideNumber(row, ReadTrade.USD_RATE);
      row[ReadTrade.USD_PAIR] = readAfter(RATE_VIA, NAME);
      expect(QUOTATION_MARK);
    }
    if (!failed && skip(SWEEP_FIRST_ID)) {
      cutSweep(row);
    }
    expect(END);
    if (failed || at != message.length) {
      return null;
    }
    row[ReadTrade.PRICE_EXACT] = ReadTrade.encodeNumber(price);
    row[ReadTrade.QUANTITY_EXACT] = ReadTrade.encodeNumber(quantity);
    BigDecimal notional = price.multiply(quantity);
    row[ReadTrade.NOTIONAL_EXACT] = ReadTrade.encodeNumber(notional);
    if (rate != null && (row[ReadTrade.USD_EXACT] = ReadTrade.convertToUsd(notional, rate)) == null) {
      row[ReadTrade.USD_RATE] = null;
      row[ReadTrade.USD_PAIR] = null;
    }
    return row;
  }

  private void cutSweep(Object[] row) {
    row[ReadTrade.SWEEP_FIRST_ID] = readInteger(MAX_ID_DIGITS);
    expect(SWEEP_FILLS);
    row[ReadTrade.SWEEP_FILLS] = readInteger(MAX_ID_DIGITS);
    expect(SWEEP_LEVELS);
    row[ReadTrade.SWEEP_LEVELS] = readInteger(MAX_ID_DIGITS);
    expect(SWEEP_FIRST_PRICE);
    readNumber(row, ReadTrade.SWEEP_FIRST_PRICE);
    expect(SWEEP_QUANTITY);
    readWideNumber(row, ReadTrade.SWEEP_QUANTITY);
    expect(SWEEP_NOTIONAL);
    BigDecimal notional = readWideNumber();
    BigDecimal usd = !failed && skip(SWEEP_USD) ? readWideNumber() : null;
    expect(QUOTATION_MARK);
    row[ReadTrade.SWEEP_NOTIONAL] = failed ? null : ReadTrade.encodeNumber(notional);
    row[ReadTrade.SWEEP_USD] = failed || usd == null ? null : ReadTrade.encodeNumber(usd);
  }

  private boolean skip(byte[] expected) {
    if (expected.length > message.length - at) {
      return false;
    }
    for (int i = 0; i < expected.length; i++) {
      if (message[at + i] != expected[i]) {
        return false;
      }
    }
    at += expected.length;
    return true;
  }

  private void expect(byte[] expected) {
    failed = failed || !skip(expected);
  }

  private UTF8String readOptional(byte[] name) {
    if (failed || !skip(name)) {
      return null;
    }
    UTF8String text = read(TEXT);
    expect(QUOTATION_MARK);
    return text;
  }

  private UTF8String readAfter(byte[] expected, boolean[] allowed) {
    expect(expected);
    return failed ? null : read(allowed);
  }

  private UTF8String read(boolean[] allowed) {
    int start = at;
    while (at < message.length && message[at] >= 0 && allowed[message[at]]) {
      at++;
    }
    failed = failed || at == start;
    return copySince(start);
  }

  private void skipTextOrNull(boolean[] allowed) {
    if (!skip(NULL)) {
      readAfter(QUOTATION_MARK, allowed);
      expect(QUOTATION_MARK);
    }
  }

  private Long readInteger(int most) {
    int start = at;
    long number = readDigits(0, most);
    failed = failed || at == start || message[start] == '0' && at - start > 1 || isDigitNext();
    return number;
  }

  /** A positive number that fits decimal(18,8); puts its text into the row. */
  private BigDecimal readNumber(Object[] row, int field) {
    int start = at;
    long unscaled = readDigits(0, MAX_WHOLE_DIGITS);
    failed = failed || at == start || isDigitNext();
    int scale = 0;
    if (!failed && at < message.length && message[at] == '.') {
      int point = at++;
      unscaled = readDigits(unscaled, MAX_FRACTION_DIGITS);
      scale = at - point - 1;
      failed = scale == 0 || isDigitNext();
    }
    failed = failed || unscaled == 0;
    row[field] = copySince(start);
    return BigDecimal.valueOf(unscaled, scale);
  }

  /** A positive number that fits decimal(38,18); null where there is none. Puts its text into the row. */
  private BigDecimal readWideNumber(Object[] row, int field) {
    int start = at;
    BigDecimal number = readWideNumber();
    row[field] = copySince(start);
    return number;
  }

  private BigDecimal readWideNumber() {
    UTF8String text = failed ? null : read(NUMBER);
    BigDecimal number = failed ? null : JsonTrade.readDecimal(text.toString());
    failed = number == null;
    return number;
  }

  private long readDigits(long number, int most) {
    for (int end = Math.min(message.length, at + most); at < end && isDigitNext(); at++) {
      number = 10 * number + message[at] - '0';
    }
    return number;
  }

  private boolean isDigitNext() {
    return at < message.length && message[at] >= '0' && message[at] <= '9';
  }

  private UTF8String copySince(int start) {
    return UTF8String.fromBytes(message, start, at - start);
  }

  private static byte[] ascii(String text) {
    return text.getBytes(US_ASCII);
  }

  /** Which bytes are in a character class: characters, and ranges of them with a hyphen between. */
  private static boolean[] allowBytes(String characters) {
    boolean[] allowed = new boolean[Byte.MAX_VALUE + 1];
    for (int i = 0; i < characters.length(); i++) {
      char first = characters.charAt(i);
      boolean range = i + 2 < characters.length() && characters.charAt(i + 1) == '-';
      char last = range ? characters.charAt(i += 2) : first;
      for (char one = first; one <= last; one++) {
        allowed[one] = true;
      }
    }
    return allowed;
  }
}
