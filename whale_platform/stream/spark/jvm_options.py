"""Options of every JVM of Spark: the stream's driver, executors, and batch recomputation.

Java's optimising compiler takes a third of what a start costs, from trades that wait meanwhile. It begins at ten times
the usual counts here: what a start calls often is left to the quick compiler, what trades call for hours is optimised
as before. Kafka's JVM is left as it is: it optimises less in a start, and needs it within minutes.
"""

COMMON_JVM_OPTIONS = (
    "-XX:-UsePerfData",
    # What is out of memory limps on without its threads; the process ends with its JVM and is restarted.
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:Tier4InvocationThreshold=50000",
    "-XX:Tier4MinInvocationThreshold=6000",
    "-XX:Tier4CompileThreshold=150000",
    "-XX:Tier4BackEdgeThreshold=400000",
)
DRIVER_JVM_OPTIONS = (
    "-XX:+UseParallelGC",
    *COMMON_JVM_OPTIONS,
    "-XX:CICompilerCount=2",
    "-Djava.net.preferIPv4Stack=true",
    # positions.py asks the Kafka consumers through JMX, whose server class no module exports.
    "--add-exports=java.management/com.sun.jmx.mbeanserver=ALL-UNNAMED",
)
