"""How Java compiles in Spark's JVMs, wherever they run.

Java's optimising compiler takes a third of what a start costs, from trades that wait meanwhile. It begins at ten times
the usual counts here: what a minute of starting calls often is left to the quick compiler, what trades call for hours
is optimised as before. Measured in pairs on two cores: a start and its first minute take 25 to 30 % less CPU; after
three minutes at 400 trades/s, and in a backlog's second 500,000 trades, both take the same. Kafka's JVM is left as it
is: with this it takes more for its first minutes at 1,000 trades/s.
"""

OPTIMISE_LATE = (
    "-XX:Tier4InvocationThreshold=50000",
    "-XX:Tier4MinInvocationThreshold=6000",
    "-XX:Tier4CompileThreshold=150000",
    "-XX:Tier4BackEdgeThreshold=400000",
)
