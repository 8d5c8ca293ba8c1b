-- Local only: conversations that another device removed go to the trash here too, so that the person is notified and can undo it.

alter table trash add column elsewhere integer not null default 0;
create index trash_elsewhere on trash (at) where elsewhere = 1;
