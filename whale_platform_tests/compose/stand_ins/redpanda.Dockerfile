FROM python:3.11-slim-bookworm
RUN useradd --uid 101 --system redpanda && install -d -o redpanda -g redpanda /var/lib/redpanda/data
COPY java /opt/java
COPY jars /opt/kafka
COPY rpk.py /usr/bin/rpk
RUN chmod 755 /usr/bin/rpk
USER redpanda
VOLUME /var/lib/redpanda/data
ENTRYPOINT ["/usr/bin/rpk"]
